#!/usr/bin/env python3
"""A lint that finds nothing may be broken: each is shown a small clean tree, which it must pass, and then that tree with
one fault planted, which it must name."""

import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import check_banned
import check_format
import check_layers
import check_proto
import check_size
import check_tests_listed
import sources

CLEAN = {
    'libcore/module.cmake': 'set(P2PD_SHELF base net pki media runtime)\n',
    'libcore/base/CMakeLists.txt': 'p2pd_module(base\n  SOURCES a.cc log.cc)\n',
    'libcore/base/README.md': '# base\n',
    'libcore/base/a.h': '// A thing.\n#pragma once\n\nint A();\n',
    'libcore/base/a.cc': '#include "libcore/base/a.h"\n\nint A() { return 1; }\n',
    'libcore/base/log.cc': '#include "spdlog/spdlog.h"\n',
    'libcore/net/CMakeLists.txt': 'p2pd_module(net\n  DEPS base\n  SOURCES b.cc)\n',
    'libcore/net/README.md': '# net\n',
    'libcore/net/b.cc': '#include "libcore/base/a.h"\n\nint B() { return A(); }\n',
    'libcore/pki/CMakeLists.txt': 'p2pd_module(pki DEPS net SOURCES c.cc PRIVATE OpenSSL::Crypto)\n',
    'libcore/pki/README.md': '# pki\n',
    'libcore/pki/c.cc': '#include <openssl/evp.h>\n',
    'daemon/CMakeLists.txt': 'add_executable(p2pd main.cc d.cc)\n',
    'daemon/main.cc': '#include "libcore/net/b.h"\n#include "p2pd/v1/x.pb.h"\n\nint main() {}\n',
    'daemon/d.cc': '#include "daemon/d.h"\n',
    'daemon/d.h': '// D.\n#pragma once\n',
    'clients/CMakeLists.txt': 'add_executable(p2pctl cli/ca/e.cc)\n',
    'clients/cli/ca/e.cc': '#include "libcore/pki/c.h"\n#include "p2pd/v1/x.pb.h"\n',
    'tests/unit/base/CMakeLists.txt': 'p2pd_test(base SOURCES a_test.cc log_test.cc)\n',
    'tests/unit/base/a_test.cc': '#include "libcore/base/a.h"\n',
    'tests/unit/base/log_test.cc': '\n',
    'tests/unit/net/CMakeLists.txt': 'p2pd_test(net SOURCES b_test.cc)\n',
    'tests/unit/net/b_test.cc': '\n',
    'tests/unit/pki/CMakeLists.txt': 'p2pd_test(pki SOURCES c_test.cc)\n',
    'tests/unit/pki/c_test.cc': '\n',
    'tests/unit/daemon/CMakeLists.txt': 'p2pd_test(daemon SOURCES d_test.cc)\n',
    'tests/unit/daemon/d_test.cc': '\n',
    'tests/unit/clients/cli/CMakeLists.txt': 'p2pd_test(cli SOURCES ca/e_test.cc)\n',
    'tests/unit/clients/cli/ca/e_test.cc': '\n',
    'tests/lint/untested.txt': 'daemon/main.cc only parses flags, see tests/integration\n',
    'tests/fuzz/base.cmake': 'p2pd_fuzz(codec LINK p2pd::base)\n',
    'tests/fuzz/codec_fuzz.cc': '\n',
    'proto/p2pd/v1/x.proto': '''syntax = "proto3";
package p2pd.v1;
import "google/protobuf/duration.proto";

// Counts.
service CountService {
  // Adds one.
  // CLI: `p2pctl count`.
  rpc Count(CountRequest) returns (Counter);
}

// What to count.
message CountRequest {
  string name = 1;  // Of the counter.
  // Where it is kept.
  oneof place {
    // On disk.
    string disk = 2;
    // By name.
    map<string, int32> table = 3 [deprecated = true];
  }
  // How.
  enum Mode {
    MODE_UNSPECIFIED = 0;  // None.
    /* Slowly. */
    MODE_SLOW = 1 [deprecated = true];
  }
  reserved 9;
}

// A number.
message Counter {}
''',
}


class Planted(unittest.TestCase):

    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix='p2pd-lint-'))
        self.addCleanup(shutil.rmtree, self.root)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def expect(self, lint, path, text, words):
        """`lint` passes the clean tree and names `words` when `path` holds `text`."""
        self.assertEqual(lint(self.root), [])
        before = (self.root / path).read_text() if (self.root / path).exists() else None
        self.write(path, text)
        problems = lint(self.root)
        if before is None:
            (self.root / path).unlink()
        else:
            self.write(path, before)
        self.assertTrue(any(words in problem for problem in problems), f'{words!r} not in {problems}')


class Layers(Planted):

    def test_faults_are_named(self):
        for path, text, words in [
            ('libcore/base/a.cc', '#include "libcore/net/b.h"\n', 'does not name net in DEPS'),
            # pki names net only; base comes along with net, but that is not enough.
            ('libcore/pki/c.cc', '#include "libcore/base/a.h"\n', 'does not name base in DEPS'),
            ('libcore/base/a.cc', '#include "a.h"\n', 'from the repository root'),
            ('libcore/base/a.cc', '#include "../net/b.h"\n', 'from the repository root'),
            ('libcore/base/a.cc', '#include <libcore/net/b.h>\n', 'does not name net in DEPS'),
            ('libcore/net/b.cc', '#include "p2pd/v1/x.pb.h"\n', 'does not see the control API'),
            ('libcore/net/b.cc', '#include "p2pd/wire/v1/x.pb.h"\n', 'does not link p2pd::wire_proto'),
            ('libcore/net/b.cc', '#include "daemon/d.h"\n', 'libcore does not see daemon'),
            ('libcore/net/b.cc', '#include "grpcpp/server.h"\n', 'libcore does not see grpcpp'),
            ('libcore/net/b.cc', '#include "tests/sim/world.h"\n', 'nothing but tests'),
            ('daemon/d.cc', '#include "clients/common/x.h"\n', 'does not see its clients'),
            ('clients/cli/f.cc', '#include "libcore/base/a.h"\n', 'control API only'),
            ('clients/cli/f.cc', '#include "p2pd/wire/v1/x.pb.h"\n', 'control API only'),
            ('clients/cli/ca/e.cc', '#include "libcore/net/b.h"\n', 'sees [\'base\', \'pki\'] only'),
            ('libcore/net/CMakeLists.txt', 'p2pd_module(net DEPS base pki SOURCES b.cc)\n', 'does not lie below'),
            ('libcore/net/CMakeLists.txt', 'p2pd_module(newer DEPS base SOURCES b.cc)\n', 'not on the shelf'),
            ('libcore/media/CMakeLists.txt', 'p2pd_module(media DEPS base SOURCES)\n', 'no README.md'),
        ]:
            with self.subTest(path=path, text=text):
                self.expect(check_layers.check, path, text, words)

    def test_a_comment_is_no_include(self):
        self.write('libcore/base/a.cc', '// #include "libcore/net/b.h"\n')
        self.assertEqual(check_layers.check(self.root), [])

    def test_an_allowed_line_passes(self):
        self.write('libcore/base/a.cc', '#include "libcore/net/b.h"  // lint: allow(a reason)\n')
        self.assertEqual(check_layers.check(self.root), [])
        self.write('libcore/base/a.cc', '#include "libcore/net/b.h"  // lint: allow()\n')
        self.assertNotEqual(check_layers.check(self.root), [])


class Banned(Planted):

    def test_faults_are_named(self):
        for path, text, words in [
            ('libcore/net/b.cc', 'auto t = std::chrono::steady_clock::now();\n', 'clock:'),
            ('libcore/net/b.cc', 'auto t = absl::Now();\n', 'clock:'),
            ('libcore/net/b.cc', 'auto t = time(nullptr);\n', 'clock:'),
            ('tests/unit/net/b_test.cc', 'auto t = std::chrono::system_clock::now();\n', 'clock:'),
            ('libcore/net/b.cc', 'std::random_device d;\n', 'randomness:'),
            ('libcore/net/b.cc', 'int x = rand();\n', 'randomness:'),
            ('libcore/pki/c.cc', 'RAND_bytes(p, 4);\n', 'randomness:'),
            ('daemon/d.cc', 'absl::BitGen gen;\n', 'randomness:'),
            ('daemon/d.cc', 'std::this_thread::sleep_for(x);\n', 'sleep:'),
            ('tests/integration/x_itest.cc', 'usleep(5);\n', 'sleep:'),
            ('libcore/net/b.cc', 'std::thread t;\n', 'thread:'),
            ('libcore/net/b.cc', '#include <sys/socket.h>\n', 'socket:'),
            ('libcore/net/b.cc', 'absl::Mutex mutex_;\n', 'mutex:'),
            ('libcore/net/b.cc', '#include <boost/asio.hpp>\n', 'socket:'),
            ('libcore/net/b.cc', 'void F() { throw 1; }\n', 'throw:'),
            ('libcore/net/b.cc', '#include <openssl/evp.h>\n', 'openssl:'),
            ('libcore/net/b.cc', '#include <opus/opus.h>\n', 'opus:'),
            ('daemon/d.cc', '#include <sndfile.h>\n', 'sndfile:'),
            ('daemon/d.cc', '#include <curl/curl.h>\n', 'curl:'),
            ('libcore/net/b.cc', '#include <expat.h>\n', 'expat:'),
            ('libcore/net/b.cc', '#include <spdlog/spdlog.h>\n', 'spdlog:'),
            ('libcore/net/b.cc', '#include "fmt/format.h"\n', 'spdlog:'),
            ('libcore/net/b.cc', 'std::printf("x");\n', 'print:'),
            ('libcore/net/b.cc', 'std::exit(1);\n', 'exit:'),
            ('libcore/net/b.cc', '// TODO: more\n', 'unfinished:'),
            ('deploy/x.sh', '# good enough for now\n', 'unfinished:'),
            ('deploy/x.sh', 'cd /root/project\n', 'path of one machine:'),
            ('tests/unit/net/b_test.cc', 'TEST(A, DISABLED_B) {}\n', 'disabled test:'),
            ('tests/integration/x_itest.cc', 'Start({"--listen", "127.0.0.1:7464"});\n', 'fixed port:'),
            ('libcore/base/a.h', '// A.\nint A();\n', 'without #pragma once'),
            ('libcore/base/a.h', '#pragma once\nint A();\n', 'begins with what it is'),
            ('libcore/net/b.cc', 'absl::flat_hash_map<K, std::vector<V>> all_;\nvoid F() { for (auto& x : all_) G(x); }\n',
             'hash order: all_'),
            ('libcore/net/b.cc', 'std::unordered_set<int> all_;\nauto F() { return *all_.begin(); }\n', 'hash order: all_'),
        ]:
            with self.subTest(path=path, text=text):
                self.expect(check_banned.check, path, text, words)

    def test_hash_order_is_seen_through_the_header(self):
        self.write('libcore/base/a.h', '// A.\n#pragma once\nclass A { absl::flat_hash_set<int> all_; };\n')
        self.expect_clean_then('libcore/base/a.cc', 'void A::F() { for (int x : all_) G(x); }\n', 'hash order: all_')

    def expect_clean_then(self, path, text, words):
        self.write(path, text)
        self.assertTrue(any(words in problem for problem in check_banned.check(self.root)))

    def test_what_is_no_code_passes(self):
        self.write('libcore/net/b.cc', '// throw rand() absl::Now()\nconst char* kText = "throw std::thread rand()";\n'
                   'const char* kRaw = R"(throw)";\n/* sleep_for( */\nint k = 1\'000;\n')
        self.assertEqual(check_banned.check(self.root), [])

    def test_an_allowed_line_passes(self):
        self.write('libcore/net/b.cc', '// lint: allow(a reason)\nstd::thread t;\nstd::thread u;  // lint: allow(another)\n')
        self.assertEqual(check_banned.check(self.root), [])


def function(lines, head='int Long() {'):
    return head + '\n' + '  Step();\n' * (lines - 2) + '}\n'


class Size(Planted):

    def test_a_function_of_70_lines_passes_and_one_of_71_does_not(self):
        for head in ['int Long() {', 'Thing::Thing(int a) : a_{a}, b_(a) {', 'template <class T>\nT Long(T t) {',
                     'struct stat Long(const char* path) {', 'TEST(Long, Name) {', 'bool operator==(const A& a, const A& b) {',
                     'std::vector<int> A::Long(int a,\n int b) const noexcept {']:
            extra = head.count('\n')
            with self.subTest(head=head):
                self.write('libcore/base/a.cc', 'namespace p2pd {\n' + function(70 - extra, head) + '}\n')
                self.assertEqual(check_size.check(self.root), [])
                self.write('libcore/base/a.cc', 'namespace p2pd {\n' + function(71 - extra, head) + '}\n')
                self.assertIn('has 71 lines', '\n'.join(check_size.check(self.root)))

    def test_members_and_what_follows_a_table_are_measured(self):
        self.write('libcore/base/a.h', '// A.\n#pragma once\nconstexpr int kTable[] = {\n' + ' 1,\n' * 100 + '};\n'
                   'class A {\n public:\n' + function(71, ' int Long() {') + '};\n')
        problems = check_size.check(self.root)
        self.assertEqual(len(problems), 1, problems)
        self.assertIn('Long has 71 lines', problems[0])

    def test_a_class_and_a_table_may_be_longer(self):
        self.write('libcore/base/a.h', '// A.\n#pragma once\nclass A : public B<int> {\n' + '  int x();\n' * 100 + '};\n'
                   'enum class E {\n' + ' a,\n' * 100 + '};\nconst std::map<int, int> kMap = {\n' + ' {1, 2},\n' * 100 + '};\n')
        self.assertEqual(check_size.check(self.root), [])

    def test_a_file_of_801_lines_does_not_pass(self):
        self.write('libcore/base/a.cc', '\n' * 800)
        self.assertEqual(check_size.check(self.root), [])
        self.write('libcore/base/a.cc', '\n' * 801)
        self.assertIn('801 lines', check_size.check(self.root)[0])

    def test_the_ratchet_may_only_shrink(self):
        ratchet = 'tests/lint/size_ratchet.txt'
        self.write('libcore/base/a.cc', function(80))
        self.write(ratchet, 'libcore/base/a.cc:Long 80\n')
        self.assertEqual(check_size.check(self.root), [])
        self.write(ratchet, 'libcore/base/a.cc:Long 81\n')
        self.assertIn('lower the entry', check_size.check(self.root)[0])
        self.write(ratchet, 'libcore/base/a.cc:Long 79\n')
        self.assertIn('at most 79', check_size.check(self.root)[0])
        self.write(ratchet, 'libcore/base/a.cc:Gone 90\nlibcore/base/a.cc:Long 80\n')
        self.assertIn('is no more', check_size.check(self.root)[0])


class Proto(Planted):

    def test_faults_are_named(self):
        good = CLEAN['proto/p2pd/v1/x.proto']
        for cut, words in [
            ('// Counts.\n', 'service CountService has no comment'),
            ('  // Adds one.\n  // CLI: `p2pctl count`.\n', 'rpc Count has no comment'),
            ('  // CLI: `p2pctl count`.\n', 'does not name its command'),
            ('// What to count.\n', 'message CountRequest has no comment'),
            ('  // Of the counter.\n', 'field name has no comment'),
            ('  // Where it is kept.\n', 'oneof place has no comment'),
            ('    // On disk.\n', 'field disk has no comment'),
            ('    // By name.\n', 'field table has no comment'),
            ('  // How.\n', 'enum Mode has no comment'),
            ('  // None.\n', 'value MODE_UNSPECIFIED has no comment'),
            ('    /* Slowly. */\n', 'value MODE_SLOW has no comment'),
            ('// A number.\n', 'message Counter has no comment'),
        ]:
            self.assertIn(cut, good)
            with self.subTest(cut=cut):
                self.expect(check_proto.check, 'proto/p2pd/v1/x.proto', re.sub(r'(\n)?' + re.escape(cut), r'\n', good), words)

    def test_wire_messages_need_no_command(self):
        self.write('proto/p2pd/wire/v1/y.proto', '// S.\nservice S {\n  // R.\n  rpc R(A) returns (B);\n}\n')
        self.assertEqual(check_proto.check(self.root), [])


class TestsListed(Planted):

    def test_faults_are_named(self):
        for path, text, words in [
            ('libcore/base/new.cc', '\n', 'libcore/base/new.cc: no tests/unit/base/new_test.cc'),
            ('libcore/base/new.cc', '\n', 'libcore/base/new.cc: in no CMakeLists.txt'),
            ('tests/unit/base/new_test.cc', '\n', 'so it never runs'),
            ('tests/unit/base/CMakeLists.txt', 'p2pd_test(base SOURCES a_test.cc)  # log_test.cc\n', 'so it never runs'),
            ('tests/lint/untested.txt', '', 'daemon/main.cc: no tests/unit/daemon/main_test.cc'),
            ('tests/lint/untested.txt', 'daemon/main.cc why\n', 'without a reason'),
            ('tests/lint/untested.txt', CLEAN['tests/lint/untested.txt'] + 'daemon/gone.cc was here once, long ago\n', 'is no more'),
            ('tests/lint/untested.txt', CLEAN['tests/lint/untested.txt'] + 'daemon/d.cc it has a test by now\n', 'has a test by now'),
            ('tests/fuzz/new_fuzz.cc', '\n', 'no p2pd_fuzz(new'),
        ]:
            with self.subTest(path=path, text=text):
                self.expect(check_tests_listed.check, path, text, words)


class Format(Planted):

    def test_a_badly_set_file_is_named(self):
        if shutil.which(check_format.PROGRAM) is None:
            self.skipTest(f'{check_format.PROGRAM} is not installed')
        shutil.copy(sources.ROOT / '.clang-format', self.root / '.clang-format')
        for path in sources.cpp_files(self.root):
            self.write(path, '')
        self.expect(check_format.check, 'libcore/base/a.cc', 'int  A( ) {return 1 ;}\n', 'libcore/base/a.cc: not as')


if __name__ == '__main__':
    unittest.main()
