// A device to write to in a folder of the test's own: what would replace it must not do so with the
// machine's, since tests run as root too.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <string>

namespace p2pd::clients {

// Linux, admin-guide/devices.txt: 1 char, 3 = /dev/null, 7 = /dev/full.
inline constexpr unsigned kNullDevice = 3;
inline constexpr unsigned kFullDevice = 7;

// The path of such a device in `folder`; the machine's own where none can be made or opened there,
// which whoever may not make one cannot replace either.
inline std::string MakeDevice(const std::string& folder, unsigned minor_number) {
  const std::string path = folder + (minor_number == kFullDevice ? "/full" : "/null");
  if (mknod(path.c_str(), S_IFCHR | 0666, makedev(1, minor_number)) == 0) {
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
      close(fd);
      return path;
    }
    unlink(path.c_str());
  }
  return minor_number == kFullDevice ? "/dev/full" : "/dev/null";
}

}  // namespace p2pd::clients
