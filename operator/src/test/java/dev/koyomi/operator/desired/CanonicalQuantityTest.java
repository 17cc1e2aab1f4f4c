package dev.koyomi.operator.desired;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class CanonicalQuantityTest {
  /**
   * The right column is what a real API server stored; ObjectsOnApiServerTest compares whole
   * objects.
   */
  @ParameterizedTest
  @CsvSource({
    "1000m, 1",
    "250m, 250m",
    "2.5, 2500m",
    "0.5, 500m",
    "1, 1",
    "1000, 1k",
    "1500, 1500",
    "1.5Gi, 1536Mi",
    "2048Mi, 2Gi",
    "0.5Mi, 512Ki",
    "512Mi, 512Mi",
    "1000Ki, 1000Ki",
    "100M, 100M",
    "1000M, 1G",
    "0.1Gi, 107374182400m",
    "1e3, 1e3",
    "12e6, 12e6",
    "1500e3, 1500e3",
    "0, 0",
    "not a quantity, not a quantity"
  })
  void isWhatTheServerStores(String written, String stored) {
    assertThat(CanonicalQuantity.of(written)).isEqualTo(stored);
  }
}
