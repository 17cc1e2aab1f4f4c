package dev.koyomi.crds.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantitiesTest {
  @ParameterizedTest
  @CsvSource({
    "1, 1",
    "+1, 1",
    "0, 0",
    "0.5, 0.5",
    ".5, 0.5",
    "5., 5",
    "250m, 0.25",
    "1k, 1000",
    "1M, 1000000",
    "1Ki, 1024",
    "1.5Gi, 1610612736",
    "1e3, 1000",
    "1E3, 1000",
    "1E, 1e18",
    "12e-3, 0.012",
    "100n, 1e-7",
  })
  void readsWhatKubernetesReads(String text, BigDecimal amount) {
    assertThat(Quantities.amount(text).orElseThrow()).isEqualByComparingTo(amount);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "-1", "half", "1 Gi", "1K", "1gi", "1Mib", ".", "1e", "0x10", "1e999"})
  void refusesWhatIsNoQuantityOrNegative(String text) {
    assertThat(Quantities.amount(text)).isEmpty();
  }
}
