#include "libcore/media/e_model.h"

#include <gtest/gtest.h>

namespace p2pd::media {
namespace {

TEST(EModel, DelayAsPublished) {
  // Cole and Rosenbluth 2001: R over delay without loss.
  EXPECT_NEAR(RFactor(0, 0), 93.2, 1e-9);
  EXPECT_NEAR(RFactor(80, 0), 91.3, 0.05);
  EXPECT_NEAR(RFactor(106, 0), 90.7, 0.05);
  EXPECT_NEAR(RFactor(146, 0), 89.7, 0.05);
  EXPECT_NEAR(RFactor(196, 0), 86.4, 0.05);
  EXPECT_NEAR(RFactor(276, 0), 75.7, 0.05);
}

TEST(EModel, LossHurtsAndSaturates) {
  EXPECT_NEAR(LossImpairment(0), 0, 1e-9);
  EXPECT_NEAR(LossImpairment(25), 47.5, 1e-9);  // half of 95 at Bpl
  EXPECT_LT(LossImpairment(100), 95.0);
  EXPECT_EQ(LossImpairment(500), LossImpairment(100));
  EXPECT_EQ(RFactor(10'000, 100), 0.0);
}

TEST(EModel, MosOfG107) {
  // G.107 Annex B: R 90, 80, 70, 60, 50 are MOS 4.34, 4.03, 3.60, 3.10, 2.58.
  EXPECT_NEAR(MosFromR(90), 4.34, 0.01);
  EXPECT_NEAR(MosFromR(80), 4.03, 0.01);
  EXPECT_NEAR(MosFromR(70), 3.60, 0.01);
  EXPECT_NEAR(MosFromR(60), 3.10, 0.01);
  EXPECT_NEAR(MosFromR(50), 2.58, 0.01);
  EXPECT_EQ(MosFromR(-1), 1.0);
  EXPECT_EQ(MosFromR(101), 4.5);
}

}  // namespace
}  // namespace p2pd::media
