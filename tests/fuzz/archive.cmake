p2pd_fuzz(bencode LINK p2pd::archive_torrent)
p2pd_fuzz(magnet LINK p2pd::archive_torrent)
p2pd_fuzz(metainfo LINK p2pd::archive_torrent)
