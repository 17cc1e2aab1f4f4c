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

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1, 1",
    "1000, 1000",
    "1024, 1Ki",
    "1536, 1536",
    "65536, 64Ki",
    "262144, 256Ki",
    "1048576, 1Mi",
    "536870912, 512Mi",
    "1099511627776, 1Ti",
    "1152921504606846976, 1Ei",
    "4611686018427387904, 4Ei",
  })
  void writesBytesInTheLargestUnitThatGivesAWholeNumber(long bytes, String text) {
    assertThat(Quantities.ofBytes(bytes)).isEqualTo(text);
    assertThat(Quantities.amount(text).orElseThrow()).isEqualByComparingTo(Long.toString(bytes));
  }
}
