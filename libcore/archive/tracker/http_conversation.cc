#include "libcore/archive/tracker/http_conversation.h"

#include <utility>

namespace p2pd::archive::tracker {

HttpConversation::HttpConversation(HttpTracker& tracker, const net::IpAddress& from)
    : tracker_(tracker), from_(from), conversation_(http::Conversation::Options()) {}

void HttpConversation::OnBytes(Instant now, ByteView bytes) {
  conversation_.OnBytes(bytes);
  Answer(now);
}

void HttpConversation::OnSent(Instant now, size_t size) {
  conversation_.OnSent(size);
  Answer(now);
}

void HttpConversation::Answer(Instant now) {
  while (const auto request = conversation_.PollRequest()) {
    http::Response response{.type = "text/plain"};
    if (request->status == http::kOk) {
      HttpAnswer answer = tracker_.Answer(now, from_, request->target);
      response.status = answer.status;
      response.body = std::move(answer.body);
    } else {
      if (request->status != http::kMethodNotAllowed) {
        tracker_.tally().Add(Count::kHttpMalformed);
      }
      response.status = request->status;
      response.body = ToBytes("no request that this tracker reads\n");
    }
    conversation_.Respond(response);
  }
}

}  // namespace p2pd::archive::tracker
