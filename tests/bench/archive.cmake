p2pd_bench(archive_serve LINK p2pd::archive_lt LibtorrentRasterbar::torrent-rasterbar)
p2pd_bench(keeper LINK p2pd::archive)
