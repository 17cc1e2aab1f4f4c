package dev.koyomi.runner.cli;

import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;

/** A command as a person types it, without a process of its own. */
record Typed(int exitCode, String out, String err) {
  /** After the day that the tests bill. */
  private static final Instant NOW = Instant.parse("2026-11-02T03:00:00Z");

  /** Where a command is typed. */
  static final class Place {
    private final Map<String, String> environment = new HashMap<>();
    private Path folder = Path.of("target", "no-such-folder");
    private Keyboard keyboard = new Keys(false, "");
    private Duration patience = Duration.ofSeconds(10);

    Place database(DatabaseAddress address) {
      environment.put("KOYOMI_DATABASE_URI", address.jdbcUrl());
      environment.put("KOYOMI_DATABASE_USERNAME", address.username());
      environment.put("KOYOMI_DATABASE_PASSWORD", address.password());
      return this;
    }

    Place with(String variable, String value) {
      environment.put(variable, value);
      return this;
    }

    Place folder(Path path) {
      folder = path;
      return this;
    }

    /** A person who answers so when asked. */
    Place answering(String line) {
      keyboard = new Keys(true, line);
      return this;
    }

    /** Gives up soon where others wait for the database; late enough for a machine that is busy. */
    Place impatient() {
      patience = Duration.ofSeconds(2);
      return this;
    }

    /** What another program writes into the command. */
    Place piped(String text) {
      keyboard = new Keys(false, text);
      return this;
    }

    Typed type(String... words) {
      StringWriter out = new StringWriter();
      StringWriter err = new StringWriter();
      Screen screen =
          new Screen(new PrintWriter(out), new PrintWriter(err), OptionalInt.empty(), false);
      Koyomi koyomi =
          new Koyomi(
              new Surroundings(
                  screen,
                  environment,
                  folder,
                  ZoneId.of("Asia/Tokyo"),
                  () -> NOW,
                  keyboard,
                  patience));
      int exitCode = koyomi.run(words);
      screen.out().flush();
      screen.err().flush();
      return new Typed(exitCode, out.toString(), err.toString());
    }
  }

  private record Keys(boolean person, String text) implements Keyboard {
    @Override
    public String line() {
      return text;
    }
  }

  static Place anywhere() {
    return new Place();
  }

  static Place on(DatabaseAddress address) {
    return new Place().database(address);
  }

  /** Both outputs and the exit code, as they are kept in golden files. */
  String all() {
    return out
        + (err.isEmpty() ? "" : "--- standard error\n" + err)
        + "--- exit code "
        + exitCode
        + "\n";
  }
}
