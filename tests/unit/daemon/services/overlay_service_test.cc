#include "daemon/services/overlay_service.h"

#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

using Stub = v1::OverlayService::Stub;

class OverlayServiceTest : public ServedNode {
 protected:
  template <class Method, class Request, class Response>
  grpc::Status Overlay(Method method, const Request& request, Response* response) {
    return Call<v1::OverlayService>(method, request, response);
  }
};

TEST_F(OverlayServiceTest, ANodeAloneKeepsReturnsAndRemovesAValue) {
  v1::PutRequest put;
  put.set_key("name:greeting");
  put.set_value("hello");
  v1::PutResponse stored;
  const grpc::Status status = Overlay(&Stub::Put, put, &stored);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(stored.acknowledged_count(), 1);
  EXPECT_EQ(stored.key().size(), 40u);
  EXPECT_FALSE(stored.remove_secret().empty());

  v1::GetRequest get;
  get.set_key(stored.key());
  v1::GetResponse found;
  ASSERT_TRUE(Overlay(&Stub::Get, get, &found).ok());
  ASSERT_EQ(found.values_size(), 1);
  EXPECT_EQ(found.values(0).value(), "hello");
  EXPECT_EQ(found.values(0).digest(), stored.digest());

  v1::RemoveValueRequest remove;
  remove.set_key("name:greeting");
  remove.set_digest(stored.digest());
  remove.set_remove_secret(stored.remove_secret());
  v1::RemoveValueResponse removed;
  const grpc::Status gone = Overlay(&Stub::RemoveValue, remove, &removed);
  ASSERT_TRUE(gone.ok()) << gone.error_message();
  EXPECT_EQ(ReasonOfStatus(Overlay(&Stub::Get, get, &found)), "VALUE_UNKNOWN");
}

TEST_F(OverlayServiceTest, ANodeAloneIsTheRootOfEveryKey) {
  v1::LookupRequest lookup;
  lookup.set_key("email:alice@example.org");
  v1::LookupResponse root;
  ASSERT_TRUE(Overlay(&Stub::Lookup, lookup, &root).ok());
  EXPECT_EQ(root.hop_count(), 0);
  EXPECT_EQ(root.root().address(), host_->listen_endpoint().ToString());
  v1::ListPeersResponse peers;
  ASSERT_TRUE(Overlay(&Stub::ListPeers, v1::ListPeersRequest(), &peers).ok());
  EXPECT_EQ(peers.peers_size(), 0);
}

TEST_F(OverlayServiceTest, BadRequestsHaveTheirReasons) {
  v1::LookupRequest lookup;
  v1::LookupResponse root;
  for (const char* key : {"", "xyz", "abcd", "mail:x", "email:nobody"}) {
    lookup.set_key(key);
    EXPECT_EQ(ReasonOfStatus(Overlay(&Stub::Lookup, lookup, &root)), "KEY_INVALID") << key;
  }
  v1::PutRequest put;
  v1::PutResponse stored;
  put.set_key("name:x");
  EXPECT_EQ(ReasonOfStatus(Overlay(&Stub::Put, put, &stored)), "VALUE_TOO_LARGE");
  put.set_value(std::string(61'441, 'x'));
  EXPECT_EQ(ReasonOfStatus(Overlay(&Stub::Put, put, &stored)), "VALUE_TOO_LARGE");
  put.set_value("x");
  put.mutable_ttl()->set_seconds(8 * 86'400);
  EXPECT_EQ(ReasonOfStatus(Overlay(&Stub::Put, put, &stored)), "TTL_INVALID");
  put.clear_ttl();
  put.set_remove_secret(std::string(65, 's'));
  EXPECT_EQ(ReasonOfStatus(Overlay(&Stub::Put, put, &stored)), "SECRET_TOO_LARGE");
  v1::RemoveValueRequest remove;
  v1::RemoveValueResponse removed;
  remove.set_key("name:x");
  remove.set_digest("12");
  EXPECT_EQ(ReasonOfStatus(Overlay(&Stub::RemoveValue, remove, &removed)), "DIGEST_INVALID");
  v1::ListPeersRequest list;
  v1::ListPeersResponse peers;
  list.set_page_token("x");
  EXPECT_EQ(ReasonOfStatus(Overlay(&Stub::ListPeers, list, &peers)), "PAGE_TOKEN_INVALID");
}

}  // namespace
}  // namespace p2pd::daemon
