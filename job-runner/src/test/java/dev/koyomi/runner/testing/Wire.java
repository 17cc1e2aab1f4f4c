package dev.koyomi.runner.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/** The network between a client and the database, which a test can cut. */
public final class Wire implements AutoCloseable {
  private final ServerSocket entrance;
  private final int databasePort;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private volatile boolean cut;
  private volatile boolean swallowing;
  private volatile Duration delay = Duration.ZERO;
  private final AtomicReference<Optional<String>> losing = new AtomicReference<>(Optional.empty());

  public Wire(int databasePort) throws IOException {
    this.databasePort = databasePort;
    this.entrance = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::accept);
  }

  public int port() {
    return entrance.getLocalPort();
  }

  /** Every connection breaks, and no new one comes about. */
  public void cut() {
    cut = true;
    open.forEach(Wire::end);
  }

  public void mend() {
    cut = false;
    swallowing = false;
  }

  /** From now on nothing gets through, and neither side hears of it. */
  public void swallow() {
    swallowing = true;
  }

  /** From now on every piece takes so long; zero: no longer than usual. */
  public void delay(Duration each) {
    delay = each;
  }

  /**
   * The server hears and carries out the next request with this text in it; its answer is lost with
   * the connection.
   */
  public void loseAnswerTo(String text) {
    losing.set(Optional.of(text));
  }

  private void accept() {
    while (!entrance.isClosed()) {
      try {
        Socket client = entrance.accept();
        if (cut) {
          end(client);
          continue;
        }
        Socket server = reached(client);
        open.add(client);
        open.add(server);
        AtomicBoolean deaf = new AtomicBoolean();
        Thread.ofVirtual().start(() -> carry(client, server, bytes -> heard(bytes, deaf)));
        Thread.ofVirtual().start(() -> carry(server, client, _ -> !deaf.get()));
      } catch (IOException e) {
        // The entrance was closed, or one connection did not come about: its client sees that.
      }
    }
  }

  /** A client that waits for a server which is not there would wait for minutes. */
  private Socket reached(Socket client) throws IOException {
    try {
      return new Socket(InetAddress.getLoopbackAddress(), databasePort);
    } catch (IOException away) {
      end(client);
      throw away;
    }
  }

  /** Notes that the answer to these bytes is to be lost; they themselves get through. */
  private boolean heard(byte[] bytes, AtomicBoolean deaf) {
    Optional<String> text = losing.get();
    if (text.isPresent()
        && new String(bytes, StandardCharsets.ISO_8859_1).contains(text.get())
        && losing.compareAndSet(text, Optional.empty())) {
      deaf.set(true);
    }
    return true;
  }

  private void carry(Socket from, Socket to, Predicate<byte[]> passes) {
    try {
      byte[] buffer = new byte[1 << 16];
      int length = from.getInputStream().read(buffer);
      while (length >= 0) {
        byte[] bytes = Arrays.copyOf(buffer, length);
        if (!passes.test(bytes)) {
          return;
        }
        LockSupport.parkNanos(delay.toNanos());
        if (!swallowing) {
          to.getOutputStream().write(bytes);
        }
        length = from.getInputStream().read(buffer);
      }
    } catch (IOException e) {
      // Cut, or closed by one side: the other side learns it below.
    } finally {
      end(from);
      end(to);
      open.remove(from);
      open.remove(to);
    }
  }

  private static void end(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() throws IOException {
    entrance.close();
    cut();
  }
}
