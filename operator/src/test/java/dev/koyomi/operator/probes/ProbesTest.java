package dev.koyomi.operator.probes;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

final class ProbesTest {
  @Test
  void answersWhatIsTrueNow() throws Exception {
    AtomicBoolean live = new AtomicBoolean(true);
    AtomicBoolean ready = new AtomicBoolean(false);
    try (Probes probes = Probes.start(0, live::get, ready::get);
        HttpClient http = HttpClient.newHttpClient()) {
      assertThat(status(http, probes, "/livez")).isEqualTo(200);
      assertThat(status(http, probes, "/readyz")).isEqualTo(503);
      live.set(false);
      ready.set(true);
      assertThat(status(http, probes, "/livez")).isEqualTo(503);
      assertThat(status(http, probes, "/readyz")).isEqualTo(200);
      assertThat(status(http, probes, "/")).isEqualTo(404);
    }
  }

  private static int status(HttpClient http, Probes probes, String path) throws Exception {
    URI uri = URI.create("http://localhost:" + probes.port() + path);
    return http.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding())
        .statusCode();
  }
}
