package dev.koyomi.crds;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {
  @ParameterizedTest
  @CsvSource({
    "30s, PT30S, 30s",
    "90m, PT1H30M, 1h30m",
    "1h30m, PT1H30M, 1h30m",
    "500ms, PT0.5S, 500ms",
    "1500ms, PT1.5S, 1s500ms",
    "48h, PT48H, 48h",
    "1h2m3s4ms, PT1H2M3.004S, 1h2m3s4ms",
    "0s, PT0S, 0s",
    "0h0ms, PT0S, 0s",
    "99999h, PT99999H, 99999h",
  })
  void readsAndWrites(String text, Duration duration, String written) {
    assertThat(Durations.parse(text)).contains(duration);
    assertThat(Durations.format(duration)).isEqualTo(written);
    assertThat(Durations.parse(written)).contains(duration);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "30",
        "s",
        "1d",
        "1.5h",
        "-1s",
        "+1s",
        "1s1m",
        "1 s",
        "1S",
        "PT1M",
        "1us",
        "1h1h",
        "100000h",
        "99999h60m",
        " 1s",
        "1s\n"
      })
  void refusesWhatCelWouldReadAnotherWayOrNotAtAll(String text) {
    assertThat(Durations.parse(text)).isEmpty();
  }
}
