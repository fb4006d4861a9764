p2pd_fuzz(inventory LINK p2pd::archive_federation)
p2pd_fuzz(member_record LINK p2pd::archive_federation)
