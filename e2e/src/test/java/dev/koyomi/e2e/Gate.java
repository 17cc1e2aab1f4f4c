package dev.koyomi.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The door between the pods and a server of this machine that listens on 127.0.0.1 only: one
 * address for the whole suite, whatever port the server has after a restart.
 */
final class Gate implements AutoCloseable {
  private final InetAddress address;
  private final Set<Closeable> connections = ConcurrentHashMap.newKeySet();
  private ServerSocket door;
  private int port;

  Gate(String host) throws IOException {
    address = InetAddress.getByName(host);
    door = new ServerSocket();
  }

  int port() {
    return port;
  }

  /** From now on connections are led to this port. */
  void open(int target) throws IOException {
    ServerSocket open = new ServerSocket();
    open.setReuseAddress(true);
    open.bind(new InetSocketAddress(address, port));
    port = open.getLocalPort();
    door = open;
    Thread.ofVirtual().start(() -> accept(open, target));
  }

  /** From now on connections are refused, and those there were are cut. */
  void shut() throws IOException {
    door.close();
    for (Closeable connection : connections) {
      connection.close();
    }
    connections.clear();
  }

  @Override
  public void close() throws IOException {
    shut();
  }

  private void accept(ServerSocket open, int target) {
    while (!open.isClosed()) {
      try {
        lead(open.accept(), target);
      } catch (IOException shut) {
        return;
      }
    }
  }

  private void lead(Socket outside, int target) throws IOException {
    try {
      Socket inside = new Socket(InetAddress.getLoopbackAddress(), target);
      outside.setTcpNoDelay(true);
      inside.setTcpNoDelay(true);
      connections.add(outside);
      connections.add(inside);
      Thread.ofVirtual().start(() -> pass(outside, inside));
      Thread.ofVirtual().start(() -> pass(inside, outside));
    } catch (IOException away) {
      outside.close();
    }
  }

  private void pass(Socket from, Socket to) {
    try (from;
        to) {
      from.getInputStream().transferTo(to.getOutputStream());
    } catch (IOException cut) {
      // The other side is closed too, which is all there is to do.
    } finally {
      connections.remove(from);
      connections.remove(to);
    }
  }
}
