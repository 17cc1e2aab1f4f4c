package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** What the kubelet hears. */
final class ProbesTest {
  private final AtomicBoolean live = new AtomicBoolean(true);
  private final AtomicBoolean ready = new AtomicBoolean();

  @Test
  void answersWhatIsTrueAtThatMoment() throws Exception {
    try (Probes probes = Probes.start(0, live::get, ready::get)) {
      assertThat(status(probes, "/livez")).isEqualTo(200);
      assertThat(status(probes, "/readyz")).isEqualTo(503);
      ready.set(true);
      live.set(false);
      assertThat(status(probes, "/livez")).isEqualTo(503);
      assertThat(status(probes, "/readyz")).isEqualTo(200);
    }
  }

  private static int status(Probes probes, String path) throws IOException {
    HttpURLConnection connection =
        (HttpURLConnection)
            URI.create("http://127.0.0.1:%d%s".formatted(probes.port(), path))
                .toURL()
                .openConnection();
    try {
      return connection.getResponseCode();
    } finally {
      connection.disconnect();
    }
  }
}
