package dev.koyomi.runner.db;

import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** An error of the database, sorted by who can mend it, with a sentence for that person. */
public sealed interface Fault {
  /** A name in the queue's schema, or the schema itself, as the server's sentences quote it. */
  Pattern QUEUE = Pattern.compile("relation \"koyomi\\.|schema \"koyomi\"");

  /** How the driver says that it met replicas alone. */
  String NO_PRIMARY = "targetServerType: primary";

  String sentence();

  /** The same will work once somebody has mended the database or the way to it. */
  record TryAgain(String sentence) implements Fault {}

  /** The SQL is wrong and stays so until somebody changes it. */
  record Definition(String sentence) implements Fault {}

  record Other(String sentence) implements Fault {}

  /** Sorts an exception by the SQLException in its chain of causes; empty when there is none. */
  static Optional<Fault> of(Throwable thrown) {
    return Stream.<Throwable>iterate(thrown, each -> each != null, Throwable::getCause)
        .filter(SQLException.class::isInstance)
        .map(SQLException.class::cast)
        .filter(
            each -> each.getSQLState() != null || each instanceof SQLTransientConnectionException)
        .reduce(Fault::inner)
        .map(Fault::sorted);
  }

  /** A pool whose patience ended says so; why it got no connection is the cause. */
  private static SQLException inner(SQLException outer, SQLException cause) {
    return outer instanceof SQLTransientConnectionException ? cause : outer;
  }

  private static Fault sorted(SQLException error) {
    @Nullable String state = error.getSQLState();
    if (state == null) {
      // The pool's own words are for those who know its insides.
      return new TryAgain("The database cannot be reached: it gave no connection in time.");
    }
    String words = Words.of(error);
    return switch (state.substring(0, 2)) {
      case "08" ->
          new TryAgain(
              words.contains(NO_PRIMARY)
                  ? "The database is read-only, perhaps a replica: no server of its address takes"
                      + " writes. Name the primary."
                  : "The database cannot be reached: " + words);
      case "28" ->
          new TryAgain(
              "The database refuses the user: %s Check user name and password.".formatted(words));
      case "3D" ->
          new TryAgain("%s Create it, or name another one in the address.".formatted(words));
      case "53", "58" -> new TryAgain("The database is out of resources: " + words);
      case "57" ->
          state.equals("57014")
              ? new Other("The statement was cancelled: " + words)
              : new TryAgain("The database is going down or coming up: " + words);
      case "40" -> new TryAgain("Another transaction was in the way: " + words);
      case "25" ->
          state.equals("25006")
              ? new TryAgain(
                  "The database is read-only, perhaps a replica: %s Name the primary."
                      .formatted(words))
              : new Other(words);
      case "55" ->
          state.equals("55P03")
              ? new TryAgain("Another transaction holds a lock: " + words)
              : new Other(words);
      case "42", "3F" -> ofClass42(state, words);
      default -> new Other(words);
    };
  }

  private static Fault ofClass42(String state, String words) {
    if (state.equals("42501")) {
      return new TryAgain("The database user lacks a right: %s Grant it.".formatted(words));
    }
    if (SchemaState.MISSING.contains(state) && QUEUE.matcher(words).find()) {
      return new TryAgain(new SchemaState.Behind(0).sentence());
    }
    return new Definition(words);
  }
}
