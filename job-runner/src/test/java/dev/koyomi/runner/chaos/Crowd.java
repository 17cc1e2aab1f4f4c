package dev.koyomi.runner.chaos;

import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.testing.Wire;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** The worker processes of an episode, each behind a network of its own. */
final class Crowd implements AutoCloseable {
  /** One worker process. */
  static final class Member {
    final String name;
    final Process process;
    final Wire wire;

    Member(String name, Process process, Wire wire) {
      this.name = name;
      this.process = process;
      this.wire = wire;
    }

    void signal(String signal) {
      JavaProcess.signal(process, signal);
    }

    void jump(Duration by) {
      try {
        process
            .getOutputStream()
            .write((by + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8));
        process.getOutputStream().flush();
      } catch (IOException gone) {
        // It was killed meanwhile.
      }
    }
  }

  private final DatabaseAddress database;
  private final int port;
  private final Path manifest;
  private final Path log;
  private final Random random;
  private final List<Member> members = new ArrayList<>();
  private int started;

  Crowd(DatabaseAddress database, int port, Path manifest, Path log, Random random) {
    this.database = database;
    this.port = port;
    this.manifest = manifest;
    this.log = log;
    this.random = random;
  }

  synchronized void fill(int size) throws IOException {
    members.removeIf(member -> !member.process.isAlive());
    while (members.size() < size) {
      members.add(start());
    }
  }

  private Member start() throws IOException {
    Wire wire = new Wire(port);
    String name = "chaos-" + ++started;
    Process process =
        JavaProcess.start(
            ChaosWorker.class,
            log,
            database.jdbcUrl().replace(":" + port + "/", ":" + wire.port() + "/"),
            database.username(),
            database.password(),
            manifest.toString(),
            name,
            Boolean.toString(random.nextBoolean()));
    return new Member(name, process, wire);
  }

  synchronized List<Member> all() {
    return List.copyOf(members);
  }

  /** Everything as it should be: nobody is frozen, no wire is cut or slow. */
  synchronized void heal() {
    for (Member member : members) {
      member.signal("CONT");
      member.wire.mend();
      member.wire.delay(Duration.ZERO);
    }
  }

  @Override
  public void close() throws IOException {
    heal();
    for (Member member : members) {
      member.process.destroyForcibly();
      member.wire.close();
    }
    members.clear();
  }
}
