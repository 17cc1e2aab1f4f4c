package dev.koyomi.runner.trigger;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.testing.Choices;
import dev.koyomi.crds.testing.Fuzz;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Whatever a trigger selects: the run says why it is not worked, or each of its jobs ends. */
final class TriggerFuzzDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  /** Expressions over a row {@code g} from 1 to 7. */
  private static final List<String> COLUMNS =
      List.of(
          "g",
          "g::text",
          "null",
          "null::int",
          "g::smallint",
          "g::numeric / 7",
          "'NaN'::numeric",
          "'Infinity'::numeric",
          "'-Infinity'::float8",
          "'NaN'::float4",
          "1e300::float8",
          "10.0 ^ 400",
          "g::money",
          "g = 3",
          "null::boolean",
          "B'101'",
          "g::bit(8)",
          "'\\x00ff'::bytea",
          "''::bytea",
          "date '2026-11-01'",
          "'infinity'::date",
          "'-infinity'::timestamptz",
          "now()",
          "now()::timestamp",
          "'4713-01-01 BC'::timestamp",
          "now()::time",
          "now()::timetz",
          "interval '1 month -3 days'",
          "'infinity'::interval",
          "array[g, null]",
          "array[array[1, 2], array[3, 4]]",
          "'{}'::int[]",
          "'[2:3]={1,2}'::int[]",
          "array['a', null, 'NULL', '\"']",
          "array['NaN'::float8]",
          "array[now()]",
          "row(g, 'a')",
          "row()",
          "int4range(1, g + 1)",
          "'empty'::int4range",
          "tstzrange(now(), 'infinity')",
          "'{[1,3)}'::int4multirange",
          "point(1, 2)",
          "'<(1,2),3>'::circle",
          "inet '::1'",
          "macaddr '08:00:2b:01:02:03'",
          "'00000000-0000-0000-0000-000000000000'::uuid",
          "'{\"a\": 1}'::json",
          "'{\"a\": \"\\u0000\"}'::json",
          "'1e1000000'::json",
          "'null'::json",
          "'null'::jsonb",
          "'[1, {\"a\": null}]'::jsonb",
          "('[' || repeat('1,', 9) || '1]')::json",
          "'$.a'::jsonpath",
          "to_tsvector('a b')",
          "'a & b'::tsquery",
          "'mood'::mood",
          "'1'::positive",
          "array[1]::positive[]",
          "'a'::\"char\"",
          "''::\"char\"",
          "'x'::name",
          "'x'::char(5)",
          "g::oid",
          "'pg_class'::regclass",
          "txid_current_snapshot()",
          "pg_current_wal_lsn()",
          "'(1,1)'::tid",
          "'\\u0041'",
          "E'\\n\\t\\b\"''\\\\'",
          "U&'\\+01F600'",
          "repeat('x', 3000)",
          "repeat(md5(g::text), 200)",
          "repeat('x', 400000)",
          "string_agg('x', '') over ()",
          "g::text collate \"C\"",
          "(select array_agg(t) from (values (1, 2)) t)",
          "current_user",
          "g / 0",
          "g / (g - 3)",
          "'x'::int",
          "nosuch",
          "pg_sleep(0)",
          "xmlelement(name a, g)",
          "(values (1), (2))",
          "generate_series(1, 2)",
          "unnest(array[1, 2])",
          "count(*)",
          ":logicalDate",
          ":logicalDate::date",
          "'a'::citext",
          "g::xid8");

  private static final List<String> NAMES =
      List.of(
          "\"subscriptionId\"",
          "a",
          "\"A\"",
          "\"a b\"",
          "\"\"\"\"",
          "\"a?b\"",
          "\":x\"",
          "\"$1\"",
          "\"koyomi_x\"",
          "\"'\"",
          "\"--\"",
          "\"/*\"",
          "\"" + "n".repeat(70) + "\"",
          "\"\u00e9\ud83d\ude00\"",
          "\"select\"",
          "key",
          "\"Key\"",
          "\"%s\"",
          "n",
          "rising",
          "place",
          "lane",
          "c1",
          "t",
          "chunk",
          "o",
          "vals");

  @BeforeAll
  static void types() {
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("create type mood as enum ('mood')");
              handle.execute("create domain positive as int check (value > 0)");
            });
  }

  private record Selected(String query, boolean compiled, boolean lanes) {}

  @Test
  void whatATriggerSelectsEndsOrIsRefused() {
    Fuzz.of("selections", 120)
        .slow()
        .forAll(
            choices -> new Selected(query(choices), choices.once(2), choices.once(4)),
            TriggerFuzzDbTest::fireAndWork);
  }

  @Test
  void keysOfAnyTypeAreTheirTexts() throws Exception {
    for (List<String> key :
        List.of(
            List.of("array[g, null]", "{1,NULL} {2,NULL}"),
            List.of("array_fill(g, array[g])", "{1} {2,2}"),
            List.of("row(g, 'a b')", "(1,\"a b\") (2,\"a b\")"),
            List.of("int4range(g, g + 1)", "[1,2) [2,3)"))) {
      Billing billing =
          selecting(
              "SELECT "
                  + key.getFirst()
                  + " AS key, g AS \"subscriptionId\", :logicalDate AS \"billingDate\" FROM"
                  + " generate_series(1, 2) g");

      billing.fire();
      billing.drain();

      assertThat(billing.run()).isEqualTo("Succeeded 2/2/0/0");
      assertThat(
              billing.text(
                  "select string_agg(k, ' ' order by k) from koyomi.chunk c, unnest(c.keys) as k"))
          .isEqualTo(key.getLast());
    }
  }

  @Test
  void aJobWhosePayloadIsNoJsonbIsSetAsideWithWhatWasWritten() throws Exception {
    Billing billing =
        selecting(
            "SELECT 1 AS key, 1 AS \"subscriptionId\", :logicalDate AS \"billingDate\","
                + " '\"\\u0000\"'::json AS odd, '1e1000000'::json AS huge");
    billing.execute("update subscription set fee = null");

    billing.fire();
    billing.drain();

    assertThat(billing.run()).isEqualTo("Failed 1/0/0/1");
    assertThat(billing.text("select (payload ->> 'odd') || (payload ->> 'huge') from koyomi.dead"))
        .isEqualTo("\"\\u0000\"1e1000000");
  }

  @Test
  void aJobWithAKeyLongerThanAnIndexTakesIsSetAside() throws Exception {
    Billing billing =
        selecting(
            "SELECT (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 500) g) AS key, 1"
                + " AS \"subscriptionId\", :logicalDate AS \"billingDate\"");
    billing.execute("update subscription set fee = null");

    billing.fire();
    billing.drain();

    assertThat(billing.text("select length(key) || ' ' || error_class from koyomi.dead"))
        .isEqualTo("16000 23502");
  }

  private static Billing selecting(String query) {
    return Billing.with(DATABASE, 7, manifest(new Selected(query, true, false)));
  }

  private static String query(Choices choices) {
    List<String> columns = new ArrayList<>();
    columns.add((choices.once(2) ? choices.of(COLUMNS) : "g") + " AS key");
    columns.add("g AS \"subscriptionId\", :logicalDate AS \"billingDate\"");
    columns.addAll(choices.many(0, 4, () -> choices.of(COLUMNS) + " AS " + choices.of(NAMES)));
    return choices.of("", "WITH x AS (SELECT 1) ", "-- ?\n")
        + "SELECT "
        + String.join(", ", columns)
        + " FROM generate_series(1, 7) g"
        + choices.of("", " WHERE false", " WHERE g < 2", " FOR UPDATE", " LIMIT 3", " -- :x")
        + choices.of("", "\n ORDER BY 1");
  }

  private static void fireAndWork(Selected selected) {
    try {
      Billing billing = Billing.with(DATABASE, 7, manifest(selected));
      billing.execute("update subscription set fee = null where id in (2, 5)");
      TriggerResult result = billing.trigger().fire(new Fired.SlotByPerson(Billing.SLOT));
      switch (result) {
        case TriggerResult.Dispatched _ -> billing.drain(selected.compiled);
        case TriggerResult.Refused(long _, String sentence) -> isSentence(sentence);
        case TriggerResult.Failed(long _, String sentence, var _) -> {
          // Tried again by the one who comes after, and named meanwhile.
          isSentence(sentence);
          assertThat(billing.text("select state || ' ' || message from koyomi.run"))
              .startsWith("Selecting ")
              .hasSizeGreaterThan(20);
          return;
        }
        default -> throw new AssertionError(result.toString());
      }
      ended(billing);
    } catch (SQLException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void ended(Billing billing) {
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.text("select state from koyomi.run"))
        .isIn("Succeeded", "PartiallyFailed", "Failed");
    assertThat(
            billing.count(
                "select count(*) from koyomi.runs where selected <> succeeded + skipped + dead"))
        .isZero();
    assertThat(
            billing.count("select count(*) from koyomi.dead where message = '' or payload is null"))
        .isZero();
    assertThat(
            billing.count(
                "select count(*) from koyomi.dead d join koyomi.chunk c on c.id = d.chunk_id where"
                    + " c.keys[d.ordinal + 1] <> d.key"))
        .isZero();
  }

  private static void isSentence(String sentence) {
    assertThat(sentence).hasSizeBetween(20, 1000).doesNotContain("\n", "Exception", "org.");
  }

  private static String manifest(Selected selected) {
    String manifest =
        Billing.manifest(
            "sql: SELECT id AS key, id AS \"subscriptionId\", :logicalDate AS \"billingDate\" FROM"
                + " subscription WHERE active ORDER BY id",
            "sql: |\n" + selected.query.indent(6).stripTrailing());
    return selected.lanes && selected.query.contains("\n ORDER BY 1")
        ? manifest.replace("job: {", "job: {order: {mode: FifoByKey}, ")
        : manifest;
  }
}
