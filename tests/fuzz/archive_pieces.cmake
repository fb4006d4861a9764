p2pd_fuzz(have_file LINK p2pd::archive_pieces)
