// The openssl command line as an independent counterpart in tests, in a folder of its own that goes
// with the test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "libcore/base/bytes.h"

namespace p2pd::pki {

class OpensslTool {
 public:
  OpensslTool() {
    std::string name = (std::filesystem::temp_directory_path() / "p2pd-pki-XXXXXX").string();
    const char* const made = mkdtemp(name.data());
    if (made == nullptr) std::abort();
    folder_ = made;
  }
  OpensslTool(const OpensslTool&) = delete;
  OpensslTool& operator=(const OpensslTool&) = delete;
  ~OpensslTool() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  const std::string& folder() const { return folder_; }
  std::string PathOf(absl::string_view name) const { return absl::StrCat(folder_, "/", name); }

  void Write(absl::string_view name, ByteView content) const {
    std::ofstream file(PathOf(name), std::ios::binary);
    file.write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
    ASSERT_TRUE(file.good()) << name;
  }
  Bytes Read(absl::string_view name) const {
    std::ifstream file(PathOf(name), std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }

  // Runs `openssl ARGUMENTS` in the folder; true when it exits with 0. What it printed is output().
  bool Run(absl::string_view arguments) {
    const int code = std::system(
        absl::StrCat("cd ", folder_, " && openssl ", arguments, " >output.txt 2>&1 </dev/null")
            .c_str());
    output_ = ToText(Read("output.txt"));
    return code == 0;
  }
  const std::string& output() const { return output_; }

 private:
  std::string folder_;
  std::string output_;
};

}  // namespace p2pd::pki
