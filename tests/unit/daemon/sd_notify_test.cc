#include "daemon/sd_notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/unit/daemon/temp_dir.h"

namespace p2pd::daemon {
namespace {

// What systemd is to the daemon: a datagram socket. A name that begins with '@' is abstract.
class Manager {
 public:
  explicit Manager(const std::string& name) : fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
  }
  ~Manager() { close(fd_); }
  std::string Receive() {
    char buffer[512];
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
    return got < 0 ? std::string("nothing") : std::string(buffer, static_cast<size_t>(got));
  }

 private:
  int fd_;
};

TEST(SdNotify, SpeaksTheWordsOfSdNotify) {
  const TempDir folder;
  const std::string path = folder.path() + "/notify";
  Manager manager(path);
  const SdNotify notify(path, "", "");
  notify.Ready("listening");
  EXPECT_EQ(manager.Receive(), "READY=1\nSTATUS=listening");
  notify.Reloading(Instant::FromNanos(5'000'000));
  EXPECT_EQ(manager.Receive(), "RELOADING=1\nMONOTONIC_USEC=5000");
  notify.Watchdog();
  EXPECT_EQ(manager.Receive(), "WATCHDOG=1");
  notify.Stopping();
  EXPECT_EQ(manager.Receive(), "STOPPING=1\nSTATUS=draining");
}

TEST(SdNotify, ReachesAnAbstractSocket) {
  const std::string name = absl::StrCat("@p2pd-test-", getpid());
  Manager manager(name);
  SdNotify(name, "", "").Watchdog();
  EXPECT_EQ(manager.Receive(), "WATCHDOG=1");
}

TEST(SdNotify, WithoutSystemdNothingHappens) {
  const SdNotify none("", "", "");
  none.Ready("x");
  EXPECT_FALSE(none.watchdog_interval().has_value());
  const SdNotify gone("/nowhere/notify", "", "");
  gone.Stopping();
}

TEST(SdNotify, PingsAtHalfOfWhatTheWatchdogWaits) {
  EXPECT_EQ(SdNotify("", "30000000", "").watchdog_interval(), absl::Seconds(15));
  EXPECT_EQ(SdNotify("", "30000000", absl::StrCat(getpid())).watchdog_interval(),
            absl::Seconds(15));
  EXPECT_FALSE(SdNotify("", "30000000", "1").watchdog_interval().has_value())
      << "meant for another process";
  EXPECT_FALSE(SdNotify("", "soon", "").watchdog_interval().has_value());
}

}  // namespace
}  // namespace p2pd::daemon
