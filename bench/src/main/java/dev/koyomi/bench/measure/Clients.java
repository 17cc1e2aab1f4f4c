package dev.koyomi.bench.measure;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that do the same together. */
public final class Clients {
  /** What each of them does. */
  public interface Body {
    void run(int client) throws Exception;
  }

  private Clients() {}

  /** Seconds from when all are let go until the last one's end. */
  public static double seconds(int clients, Body body) throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    try (ExecutorService executor = Executors.newFixedThreadPool(clients)) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < clients; i++) {
        int client = i;
        running.add(
            executor.submit(
                () -> {
                  go.await();
                  body.run(client);
                  return null;
                }));
      }
      long begin = System.nanoTime();
      go.countDown();
      for (Future<?> client : running) {
        client.get();
      }
      return (System.nanoTime() - begin) / 1e9;
    }
  }
}
