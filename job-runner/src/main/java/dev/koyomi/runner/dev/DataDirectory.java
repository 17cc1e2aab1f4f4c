package dev.koyomi.runner.dev;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The files of the local server: made by {@code initdb}, configured before each start. */
record DataDirectory(LocalFolder folder, ServerUser user, Path home) {
  private static final int PASSWORD_BYTES = 16;
  private static final int LAST_LOG_LINES = 5;

  boolean exists() {
    return Files.exists(folder.data());
  }

  /** Made under another name and moved when complete: a half-made one is never taken for whole. */
  void create() throws IOException {
    Path unfinished = folder.path().resolve("data-in-the-making");
    Path password = folder.path().resolve("password-in-the-making");
    PostgresBinaries.delete(unfinished);
    Files.deleteIfExists(password);
    user.makePrivate(unfinished);
    byte[] random = new byte[PASSWORD_BYTES];
    new SecureRandom().nextBytes(random);
    Files.createFile(
        password,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(password, HexFormat.of().formatHex(random));
    user.own(password);
    ServerUser.Ended ended =
        user.run(
            folder.path(),
            home.resolve("bin/initdb").toString(),
            "--pgdata=" + unfinished,
            "--username=" + LocalServer.SUPERUSER,
            "--pwfile=" + password,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            "--no-sync");
    if (ended.status() != 0) {
      throw new LocalPostgresException(
          "initdb failed in %s: %s".formatted(folder.path(), ended.output().strip()));
    }
    Files.writeString(
        unfinished.resolve("postgresql.conf"),
        "include 'koyomi.conf'\n",
        StandardOpenOption.APPEND);
    Files.move(password, unfinished.resolve(folder.password().getFileName()));
    Files.move(unfinished, folder.data(), StandardCopyOption.ATOMIC_MOVE);
  }

  /** Writes the server's parameters and returns the port that it will listen on. */
  int configure(Map<String, String> parameters) throws IOException {
    int port = freePort();
    Map<String, String> all = new TreeMap<>();
    all.put("listen_addresses", "127.0.0.1");
    all.put("port", Integer.toString(port));
    all.put("unix_socket_directories", "");
    all.put("max_connections", "200");
    all.put("timezone", "UTC");
    // Statements of a killed process end soon after it.
    all.put("client_connection_check_interval", "1s");
    all.putAll(parameters);
    StringBuilder text = new StringBuilder();
    all.forEach((name, value) -> text.append("%s = '%s'%n".formatted(name, value)));
    Files.writeString(folder.data().resolve("koyomi.conf"), text);
    // The log of this start only: what is shown after a failure is about this failure.
    Files.deleteIfExists(folder.log());
    return port;
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  ServerUser.Ended control(String... words) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(home.resolve("bin/pg_ctl").toString(), "--pgdata", folder.data().toString()));
    command.addAll(List.of(words));
    return user.run(folder.path(), command.toArray(String[]::new));
  }

  String endOfLog() throws IOException {
    if (!Files.exists(folder.log())) {
      return "";
    }
    List<String> lines = Files.readAllLines(folder.log());
    return String.join(
        System.lineSeparator(),
        lines.subList(Math.max(0, lines.size() - LAST_LOG_LINES), lines.size()));
  }
}
