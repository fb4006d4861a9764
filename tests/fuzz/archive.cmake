p2pd_fuzz(bencode LINK p2pd::archive_torrent)
