package dev.koyomi.operator.probes;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;

/** Answers {@code /livez} and {@code /readyz}. */
public final class Probes implements AutoCloseable {
  /** Where the kubelet asks. */
  public static final int PORT = 8080;

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  private Probes(HttpServer server) {
    this.server = server;
  }

  /**
   * Starts to answer.
   *
   * @param port 0: any that is free
   */
  public static Probes start(int port, BooleanSupplier live, BooleanSupplier ready)
      throws IOException {
    Probes probes = new Probes(HttpServer.create(new InetSocketAddress(port), 0));
    probes.server.setExecutor(probes.threads);
    probes.server.createContext("/livez", exchange -> answer(exchange, live));
    probes.server.createContext("/readyz", exchange -> answer(exchange, ready));
    probes.server.start();
    return probes;
  }

  /** The port that it listens on. */
  public int port() {
    return server.getAddress().getPort();
  }

  private static void answer(HttpExchange exchange, BooleanSupplier good) throws IOException {
    boolean yes = good.getAsBoolean();
    byte[] text = (yes ? "ok\n" : "no\n").getBytes(StandardCharsets.UTF_8);
    try (exchange) {
      exchange.sendResponseHeaders(
          yes ? HttpURLConnection.HTTP_OK : HttpURLConnection.HTTP_UNAVAILABLE, text.length);
      exchange.getResponseBody().write(text);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.close();
  }
}
