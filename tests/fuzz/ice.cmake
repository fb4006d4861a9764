p2pd_fuzz(stun_message LINK p2pd::ice)
p2pd_fuzz(path_candidates LINK p2pd::ice)
