package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.testing.Choices;
import dev.koyomi.crds.testing.Fuzz;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Whatever a payload holds: it is refused with a sentence, or its job ends and says how. */
final class PayloadFuzzDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final String LONG = "x".repeat(3000);

  private static final List<String> SCALARS =
      List.of(
          "1",
          "0",
          "-1",
          "1.5",
          "1e3",
          "1e400",
          "1E-400",
          "-0",
          "99999999999999999999",
          "9".repeat(2000),
          "1e131071",
          "1e1000000",
          "NaN",
          "Infinity",
          "true",
          "null",
          "\"\"",
          "\"1\"",
          "\" 1 \"",
          "\"abc\"",
          "\"NaN\"",
          "\"Infinity\"",
          "\"2026-11-01\"",
          "\"infinity\"",
          "\"99999-01-01\"",
          "\"\\u0000\"",
          "\"\\ud800\"",
          "\"\\ud83d\\ude00\"",
          "\"\u00e9\ud83d\ude00\"",
          "\"\\u2028\\r\\n\\t\"",
          "\"'; commit; --\"",
          "\"%s %n\"",
          "\"" + LONG + "\"",
          "[]",
          "[1, [2]]",
          "[".repeat(60) + "]".repeat(60),
          "[".repeat(7000) + "]".repeat(7000),
          "{}",
          "{\"a\": 1}",
          "{\"a\": {\"a\": null}}",
          "{\"\": 1}",
          "{\"a\": 1, \"a\": 2}",
          "01",
          "1.",
          "'a'",
          "",
          "{",
          "\"",
          "/* */ 1",
          "tru");

  private static final List<String> NAMES =
      List.of(
          "amount",
          "day",
          "note",
          "flag",
          "Amount",
          "",
          "key",
          "a b",
          "\\u0000",
          "\\ud800",
          "\u00e9",
          LONG,
          "amount\\u0020",
          "toString");

  private static final List<String> KEYS =
      List.of(
          "1",
          "a",
          "",
          " ",
          "\n",
          "\u00e9\ud83d\ude00",
          LONG,
          "y".repeat(1000),
          "'; --",
          "%s",
          "null",
          "*",
          "[1]",
          "\u0001",
          "\ud800");

  private static final List<@Nullable String> WHEN =
      java.util.Arrays.asList(
          null, null, null, "2026-01-01", "infinity", "-infinity", "294276-12-31", "4713-01-01 BC");

  private static final List<@Nullable String> BATCHES =
      java.util.Arrays.asList(
          "billing/invoices",
          "billing/invoices",
          "billing/invoices",
          "billing/invoices",
          "invoices",
          "billing",
          "x/y",
          "",
          "/",
          "%",
          "\\",
          "billing/invoices\\",
          null,
          LONG);

  private static final List<@Nullable String> PRIORITIES =
      java.util.Arrays.asList(null, null, "High", "Low", "high", "", "\\");

  private static final List<@Nullable String> UNIQUE =
      java.util.Arrays.asList(null, null, null, "Waiting", "Unfinished", "waiting", "");

  private static final List<@Nullable String> PERIODS =
      java.util.Arrays.asList(
          null, null, null, "1 hour", "0", "-1 day", "1000000 years", "infinity", "-infinity");

  private record Call(
      @Nullable String batch,
      @Nullable String key,
      @Nullable String payload,
      boolean array,
      @Nullable String runAt,
      @Nullable String expiresAt,
      @Nullable String priority,
      @Nullable String unique,
      @Nullable String period) {}

  enum Way {
    EACH_COMPILED("{mode: Each}", true),
    EACH_SENT("{mode: Each}", false),
    MANY_COMPILED("{mode: Many, jobs: 5}", true),
    MANY_SENT("{mode: Many, jobs: 5}", false),
    CHUNK("{mode: Chunk}", false);

    private final String commit;
    private final boolean compiled;

    Way(String commit, boolean compiled) {
      this.commit = commit;
      this.compiled = compiled;
    }
  }

  private record Load(Way way, List<Call> calls) {}

  @Test
  void whatIsEnqueuedEndsOrIsRefused() {
    Fuzz.of("enqueued payloads", 40)
        .slow()
        .forAll(
            choices -> new Load(choices.of(Way.values()), choices.many(1, 30, () -> call(choices))),
            PayloadFuzzDbTest::enqueueAndWork);
  }

  private static Call call(Choices choices) {
    boolean array = choices.once(4);
    if (choices.from(1, 3) < 3) {
      // Nothing is wrong but the payload.
      return new Call(
          "billing/invoices",
          choices.of("1", "2", "3"),
          payload(choices),
          false,
          null,
          null,
          null,
          null,
          null);
    }
    return new Call(
        choices.of(BATCHES),
        choices.once(30) ? null : choices.of(KEYS),
        choices.once(30) ? null : array ? jobs(choices) : payload(choices),
        array,
        choices.of(WHEN),
        choices.of(WHEN),
        choices.of(PRIORITIES),
        choices.of(UNIQUE),
        choices.of(PERIODS));
  }

  private static String payload(Choices choices) {
    return switch (choices.from(0, 9)) {
      case 8 -> choices.of(SCALARS);
      case 9 -> object(choices.many(0, 6, () -> member(choices, choices.of(NAMES))));
      default ->
          object(
              List.of("amount", "day", "note", "flag").stream()
                  .map(name -> member(choices, name))
                  .toList());
    };
  }

  private static String member(Choices choices, String name) {
    return "\"%s\": %s".formatted(name, choices.of(SCALARS));
  }

  private static String object(List<String> members) {
    return members.stream().collect(Collectors.joining(", ", "{", "}"));
  }

  private static String jobs(Choices choices) {
    return choices.many(0, 4, () -> job(choices)).stream()
        .collect(Collectors.joining(", ", "[", "]"));
  }

  private static String job(Choices choices) {
    return choices.once(10)
        ? choices.of(SCALARS)
        : "{\"key\": %s, \"payload\": %s}".formatted(choices.of(SCALARS), payload(choices));
  }

  private static void enqueueAndWork(Load load) {
    try {
      Billing billing = Billing.with(DATABASE, 0, manifest(load.way));
      long jobs = 0;
      try (Connection connection = DATABASE.dataSource().getConnection()) {
        for (Call call : load.calls) {
          jobs += enqueue(connection, call);
        }
      }
      assertThat(billing.count("select coalesce(sum(cardinality(keys)), 0) from koyomi.inbox"))
          .isEqualTo(jobs);
      billing.execute("update koyomi.inbox set due_at = least(due_at, now())");
      for (int round = 0; round < 4; round++) {
        billing.workOnce(load.way.compiled);
        billing.execute("update koyomi.failure set retry_at = now() where retry_at > now()");
        billing.execute("do $$ begin perform koyomi.sweep(); end $$");
      }
      ended(billing, jobs);
    } catch (SQLException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void ended(Billing billing, long jobs) {
    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.count("select count(*) from koyomi.failure where not cut")).isZero();
    assertThat(
            billing.count(
                "select coalesce(sum(succeeded + skipped + cancelled), 0) + (select count(*) from"
                    + " koyomi.dead) from koyomi.work"))
        .isEqualTo(jobs);
    assertThat(
            billing.count(
                "select count(*) from koyomi.dead where message !~ '[a-z]{3}' or message ~ '[\\n"
                    + "\\r"
                    + "]' or length(message) > 2100 or payload is null"))
        .isZero();
  }

  /** How many jobs there are more. */
  private static long enqueue(Connection connection, Call call) {
    String sql =
        call.array
            ? "select coalesce(cardinality(array_remove(koyomi.enqueue_all(?, ?::jsonb,"
                + " ?::timestamptz, ?::timestamptz, ?, ?, ?::interval), null)), 0)"
            : "select count(koyomi.enqueue(?, ?, ?::jsonb, ?::timestamptz, ?::timestamptz, ?, ?,"
                + " ?::interval))";
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      List<@Nullable String> values = new ArrayList<>();
      values.add(call.batch);
      if (!call.array) {
        values.add(call.key);
      }
      values.addAll(
          java.util.Arrays.asList(
              call.payload, call.runAt, call.expiresAt, call.priority, call.unique, call.period));
      for (int i = 0; i < values.size(); i++) {
        statement.setString(i + 1, values.get(i));
      }
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    } catch (SQLException refused) {
      assertThat(refused.getSQLState())
          .as("%s %s", call, refused.getMessage())
          .matches("KY01[0-2]|22P02|22P05|22003|54001|22021");
      if (refused.getSQLState().startsWith("KY")) {
        assertThat(Objects.requireNonNull(refused.getMessage()).lines().findFirst().orElseThrow())
            .hasSizeBetween(20, 700);
      }
      return 0;
    }
  }

  private static String manifest(Way way) {
    String sql =
        way == Way.CHUNK
            ? """
            INSERT INTO invoice (subscription_id, billing_date, amount)
            SELECT length(note), day, amount
            FROM koyomi.jobs() AS job(amount numeric, day date, note text, flag boolean) WHERE flag
            """
            : """
            INSERT INTO invoice (subscription_id, billing_date, amount)
            SELECT length(:note::text), :day, :amount WHERE :flag::boolean
            """;
    return Billing.committing(Billing.unit(sql), way.commit);
  }
}
