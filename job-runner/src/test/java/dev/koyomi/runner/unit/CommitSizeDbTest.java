package dev.koyomi.runner.unit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every way to commit has the same effects: one job, several or all of a slice a transaction. */
final class CommitSizeDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final String ONE =
      """
      INSERT INTO invoice (subscription_id, billing_date, amount)
      SELECT id, :billingDate, fee FROM subscription WHERE id = :subscriptionId
      """;

  private static final String ALL =
      """
      INSERT INTO invoice (subscription_id, billing_date, amount)
      SELECT s.id, job."billingDate", s.fee
      FROM koyomi.jobs() AS job("subscriptionId" int, "billingDate" date)
      JOIN subscription s ON s.id = job."subscriptionId"
      """;

  enum Way {
    EACH_COMPILED(ONE, "{mode: Each}", true),
    EACH_SENT(ONE, "{mode: Each}", false),
    MANY_COMPILED(ONE, "{mode: Many, jobs: 7}", true),
    MANY_SENT(ONE, "{mode: Many, jobs: 7}", false),
    CHUNK(ALL, "{mode: Chunk}", false);

    private final String sql;
    private final String commit;
    private final boolean compiled;

    Way(String sql, String commit, boolean compiled) {
      this.sql = sql;
      this.commit = commit;
      this.compiled = compiled;
    }

    Billing billing(int subscriptions) {
      return billing(subscriptions, "");
    }

    /** With statements before the one that writes the invoice. */
    Billing billing(int subscriptions, String before) {
      return billing(subscriptions, before, "10s");
    }

    Billing billing(int subscriptions, String before, String timeout) {
      return billing(subscriptions, before, timeout, "10ms");
    }

    Billing billing(int subscriptions, String before, String timeout, String backoff) {
      return Billing.with(
          DATABASE,
          subscriptions,
          Billing.committing(Billing.unit(before + sql), commit)
              .replace("timeout: 10s", "timeout: " + timeout)
              .replace("initial: 10ms", "initial: " + backoff));
    }
  }

  @ParameterizedTest
  @EnumSource
  void worksEveryTargetOnce(Way way) throws Exception {
    Billing billing = way.billing(1203);

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("Succeeded 1203/1203/0/0");
    assertThat(billing.text(INVOICES)).isEqualTo("1203 invoices of 1203 customers, 0 wrong");
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
  }

  /** The procedure knows where the slice's row was last; whoever changes the row moves it. */
  @ParameterizedTest
  @ValueSource(strings = {"{mode: Each}", "{mode: Many, jobs: 7}"})
  @Timeout(60)
  void goesOnWhereTheRowOfTheSliceHasMoved(String commit) throws Exception {
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    """
                    create or replace function move() returns void language sql as
                      $$ update koyomi.slice set due_at = due_at $$
                    """));
    Billing billing =
        Billing.with(
            DATABASE,
            40,
            Billing.committing(
                    Billing.unit(
                        """
                        SELECT move();
                        INSERT INTO invoice (subscription_id, billing_date, amount)
                          SELECT id, :billingDate, fee FROM subscription WHERE id = :subscriptionId
                        """),
                    commit)
                .replaceAll("concurrency: [0-9]+", "concurrency: 1"));
    billing.fire();

    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 40/40/0/0");
    assertThat(billing.text(INVOICES)).isEqualTo("40 invoices of 40 customers, 0 wrong");
  }

  /** Calling a function would cost a tenth of the time of a job with a commit of its own. */
  @ParameterizedTest
  @EnumSource(names = {"EACH_COMPILED", "MANY_COMPILED"})
  void callsTheFenceOnlyForTheLastStepOfASlice(Way way) throws Exception {
    Billing billing = way.billing(30);
    billing.fire();
    LeasedSlice slice;
    Stride stride;
    billing.execute("create sequence fence_calls");
    billing.execute(
        "alter function koyomi.advance(bigint, bigint, int, int, int[]) rename to advance_itself");
    billing.execute(
        """
        create function koyomi.advance(p_slice bigint, p_lease bigint, p_position int, p_count int, p_skipped int[])
          returns void language plpgsql as $$
        begin
          perform nextval('fence_calls');
          perform koyomi.advance_itself(p_slice, p_lease, p_position, p_count, p_skipped);
        end $$
        """);
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      slice = billing.lease(connection, billing.join()).orElseThrow();
      stride = billing.units(true).on(connection).run(new Units.Range(slice, 0, 30), null);
    } finally {
      billing.execute("drop function koyomi.advance(bigint, bigint, int, int, int[])");
      billing.execute(
          "alter function koyomi.advance_itself(bigint, bigint, int, int, int[]) rename to"
              + " advance");
    }

    assertThat(stride).isEqualTo(new Stride(30, new Ending.Reached()));
    assertThat(billing.count("select nextval('fence_calls')")).isEqualTo(2);
    billing.execute("drop sequence fence_calls");
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
  }

  /** A page has room for some sixty versions of the row; most of them are dead at once. */
  @Test
  void theRowOfASliceStaysInItsPage() throws Exception {
    Billing billing = Way.EACH_COMPILED.billing(500);
    billing.fire();
    String pages = "select pg_relation_size('koyomi.slice') / 8192";
    long before = billing.count(pages);
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();
      Units units = billing.units(true).on(connection);
      int at = 0;
      while (at < 499) {
        at = units.run(new Units.Range(slice, at, 499), null).position();
      }
    }
    assertThat(billing.count(pages) - before).isLessThan(4);
  }

  /** A session lives longer than the schema that it began with. */
  @ParameterizedTest
  @EnumSource(names = {"EACH_COMPILED", "MANY_COMPILED"})
  void takesTheStepOfTheSchemaAfterAMigration(Way way) throws Exception {
    Billing billing = way.billing(30);
    billing.fire();
    String before =
        billing.text("select pg_get_functiondef('koyomi.step_text()'::regprocedure)::text");
    billing.execute("create sequence new_steps");
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();
      Units units = billing.units(true).on(connection);
      assertThat(units.run(new Units.Range(slice, 0, 14), null).position()).isEqualTo(14);

      billing.execute(
          before.replace(
              "update koyomi.slice set position",
              "perform nextval('new_steps'); update koyomi.slice set position"));
      assertThat(units.run(new Units.Range(slice, 14, 30), null))
          .isEqualTo(new Stride(30, new Ending.Reached()));
    } finally {
      billing.execute(before);
    }

    assertThat(billing.count("select nextval('new_steps')")).isGreaterThan(1);
    billing.execute("drop sequence new_steps");
    assertThat(billing.text(INVOICES)).isEqualTo("30 invoices of 30 customers, 0 wrong");
  }

  /** A call of several Units has a limit as a whole. */
  @Test
  void theTimeOfACommitIsNotThatOfTheNextCompiledUnit() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            3,
            Billing.unit("SELECT pg_sleep(0.9);\n" + ONE)
                .replace("timeout: 10s", "timeout: 2s")
                .replace("concurrency: 4", "concurrency: 1"));
    billing.fire();
    billing.execute(
        """
        create or replace function slow() returns trigger language plpgsql as
          $$ begin perform pg_sleep(1.5); return null; end $$
        """);
    billing.execute(
        """
        create constraint trigger slow after insert on invoice deferrable initially deferred
          for each row execute function slow()
        """);

    billing.drain(true);

    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
    assertThat(billing.run()).isEqualTo("Succeeded 3/3/0/0");
  }

  /** The transaction before was slow, so that the next would be of one Unit. */
  @Test
  void chargesTheErrorOfACommitToTheJobThatCausedIt() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            3,
            Billing.committing(
                Billing.unit(
                    "SELECT CASE WHEN :subscriptionId::int = 2 THEN pg_sleep(2.1) END;\n" + ONE),
                "{mode: Many, jobs: 2}"));
    billing.fire();
    billing.execute(
        """
        create or replace function refuse() returns trigger language plpgsql as
          $$ begin raise exception 'no' using errcode = '23514'; end $$
        """);
    billing.execute(
        """
        create constraint trigger refuse after insert on invoice deferrable initially deferred
          for each row when (new.subscription_id = 3) execute function refuse()
        """);
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();
      Units units = billing.units(false).on(connection);
      Stride stride = units.run(new Units.Range(slice, 0, 3), null);
      while (stride.ending() instanceof Ending.Reached) {
        stride = units.run(new Units.Range(slice, stride.position(), 3), null);
      }

      assertThat(stride.position()).isEqualTo(2);
    }
  }

  /** It travels with the statements of the next job. */
  @Test
  void theTimeOfACommitIsNotThatOfTheNextUnit() throws Exception {
    Billing billing = Way.EACH_SENT.billing(3, "", "300ms");
    billing.fire();
    billing.execute(
        """
        create or replace function slow() returns trigger language plpgsql as
          $$ begin perform pg_sleep(0.4); return null; end $$
        """);
    billing.execute(
        """
        create constraint trigger slow after insert on invoice deferrable initially deferred
          for each row when (new.subscription_id = 1) execute function slow()
        """);
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();

      assertThat(billing.units(false).on(connection).run(new Units.Range(slice, 0, 3), null))
          .isEqualTo(new Stride(3, new Ending.Reached()));
    }
    assertThat(billing.text(INVOICES)).isEqualTo("3 invoices of 3 customers, 0 wrong");
  }

  private static final String INVOICES =
      "select format('%s invoices of %s customers, %s wrong', count(*), count(distinct"
          + " subscription_id), count(*) filter (where amount <> subscription_id or billing_date <>"
          + " '2026-11-01')) from invoice";

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "CHUNK")
  void countsAJobThatFindsNoRowAsSkipped(Way way) throws Exception {
    Billing billing = way.billing(700);
    billing.fire();
    billing.execute("delete from subscription where id in (1, 2, 3, 499, 500, 501, 700)");

    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("Succeeded 700/693/7/0");
    assertThat(
            billing.text(
                "select string_agg(c.keys[s.ordinal + 1], ' ' order by c.id, s.ordinal)"
                    + " from koyomi.skipped s join koyomi.chunk c on c.id = s.chunk_id"))
        .isEqualTo("1 2 3 499 500 501 700");
  }

  /** A compiled Unit runs each of these in a way of its own. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT INTO invoice (subscription_id, billing_date, amount) SELECT id, :billingDate, fee"
            + " FROM subscription WHERE id = :subscriptionId RETURNING id",
        "SELECT fee FROM subscription WHERE id = :subscriptionId FOR UPDATE",
        "WITH one AS (SELECT :subscriptionId::int AS id) SELECT fee FROM subscription JOIN one"
            + " USING (id)",
        "UPDATE subscription SET fee = fee WHERE id = :subscriptionId"
      })
  void countsAJobAsSkippedWhateverItsLastStatementIs(String last) throws Exception {
    for (String commit : List.of("{mode: Each}", "{mode: Many, jobs: 7}")) {
      Billing billing = Billing.with(DATABASE, 20, Billing.committing(Billing.unit(last), commit));
      billing.fire();
      billing.execute("delete from subscription where id in (1, 10, 20)");

      billing.drain(true);

      assertThat(billing.run()).isEqualTo("Succeeded 20/17/3/0");
    }
  }

  @Test
  void countsAllJobsAsSkippedWhereSetSqlFindsNoRow() throws Exception {
    Billing billing = Way.CHUNK.billing(20);
    billing.fire();
    billing.execute("delete from subscription");

    billing.drain(false);

    assertThat(billing.run()).isEqualTo("Succeeded 20/0/20/0");
  }

  /**
   * A compiled Unit reads the values of many jobs at once; those of arrays it reads one by one, and
   * none is cut to the one bit of {@code bit} without a length.
   */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "CHUNK")
  void whatCannotBeReadIsTheErrorOfItsOwnJob(Way way) throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            20,
            Billing.selecting(
                Billing.committing(
                    Billing.unit(
                        "SELECT :number::int, cardinality(:pair::int[]), 1 / (B'101' ="
                            + " :bits)::int;\n"
                            + way.sql),
                    way.commit),
                "CASE WHEN id IN (1, 6, 7, 20) THEN 'x' ELSE id::text END AS number,"
                    + " CASE WHEN id = 12 THEN 'y' ELSE '{1,2}' END AS pair, '101' AS bits"));

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 20/15/0/5");
    assertThat(billing.text(INVOICES)).isEqualTo("15 invoices of 15 customers, 0 wrong");
    assertThat(
            billing.text(
                "select string_agg(key || ' ' || error_class, ', ' order by key::int) from"
                    + " koyomi.dead"))
        .isEqualTo("1 22P02, 6 22P02, 7 22P02, 12 22P02, 20 22P02");
  }

  @ParameterizedTest
  @EnumSource
  void setsAsideWhatFailsAndCommitsTheOthers(Way way) throws Exception {
    Billing billing = way.billing(700);
    billing.execute("update subscription set fee = null where id in (5, 6, 600, 700)");

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 700/696/0/4");
    assertThat(billing.text(INVOICES)).isEqualTo("696 invoices of 696 customers, 0 wrong");
    assertThat(
            billing.text(
                "select string_agg(key || ' ' || attempt || ' ' || error_class, ', ' order by"
                    + " key::int) from koyomi.dead"))
        .isEqualTo("5 2 23502, 6 2 23502, 600 2 23502, 700 2 23502");
    assertThat(billing.count("select count(*) from koyomi.failure")).isEqualTo(8);
  }

  @ParameterizedTest
  @EnumSource
  void retriesByTheirPlacesInTheChunk(Way way) throws Exception {
    Billing billing = way.billing(700, "", "10s", "1h");
    billing.execute("update subscription set fee = null where id in (5, 6, 77, 499, 600)");
    billing.fire();
    billing.workOnce(way.compiled);
    assertThat(
            billing.text(
                "select string_agg(place::text, ' ' order by s.chunk_id, place) from koyomi.slice"
                    + " s, unnest(s.ordinals) as place"))
        .isEqualTo("4 5 76 498 99");
    billing.execute("update subscription set fee = id where id <> 6");
    billing.execute("update koyomi.slice set due_at = koyomi.now()");

    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 700/699/0/1");
    assertThat(billing.text("select key from koyomi.dead")).isEqualTo("6");
    assertThat(billing.text(INVOICES)).isEqualTo("699 invoices of 699 customers, 0 wrong");
  }

  @ParameterizedTest
  @EnumSource
  void triesACollisionAgainInPlaceAndBurnsNoAttempt(Way way) throws Exception {
    Billing billing = way.billing(3, "SELECT collide();\n");
    makeCollide(billing, "nextval('tries') <= 3");

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("Succeeded 3/3/0/0");
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void countsAnAttemptWhenACollisionDoesNotEnd(Way way) throws Exception {
    Billing billing = way.billing(1, "SELECT collide();\n");
    makeCollide(billing, "nextval('tries') > 0");

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("Failed 1/0/0/1");
    assertThat(billing.count("select last_value from tries"))
        .as("two attempts, each tried again three times")
        .isEqualTo(8);
  }

  /** A sequence keeps counting through rollbacks. */
  private static void makeCollide(Billing billing, String when) {
    billing.execute("drop sequence if exists tries");
    billing.execute("create sequence tries");
    billing.execute(
        """
        create or replace function collide() returns void language plpgsql as $$
        begin
          if %s then
            raise exception 'could not serialize access' using errcode = '40001';
          end if;
        end $$
        """
            .formatted(when));
  }

  @ParameterizedTest
  @EnumSource
  void rollsBackAUnitWhoseStatementsTogetherTakeTooLong(Way way) throws Exception {
    Billing billing = way.billing(1, "SELECT pg_sleep(0.25);\nSELECT pg_sleep(0.25);\n", "400ms");

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("Failed 1/0/0/1");
    assertThat(billing.text("select error_class || ': ' || message from koyomi.dead"))
        .isEqualTo(
            "Timeout: the Unit took longer than spec.unit.timeout = 400ms and was rolled back");
    assertThat(billing.count("select count(*) from invoice")).isZero();
  }

  /** Where the call goes on for a second, and where one flush holds several Units. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "CHUNK")
  void rollsBackTheOneUnitOfSeveralThatTakesTooLong(Way way) throws Exception {
    Billing billing =
        way.billing(
            10,
            "SELECT pg_sleep(CASE WHEN :subscriptionId = '4' THEN 0.25 ELSE 0 END);\n".repeat(2),
            "400ms");

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 10/9/0/1");
    assertThat(billing.text("select key || ' ' || error_class from koyomi.dead"))
        .isEqualTo("4 Timeout");
    assertThat(billing.count("select count(*) from invoice where subscription_id = 4")).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void letsAUnitRunAsLongAsItMay(Way way) throws Exception {
    Billing billing = way.billing(2, "SELECT pg_sleep(0.6);\nSELECT pg_sleep(0.6);\n", "1500ms");

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.run()).isEqualTo("Succeeded 2/2/0/0");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void takesStatementsOfAllKinds(boolean compiled) throws Exception {
    String manifest =
        Billing.selecting(
            Billing.unit(
                """
                SELECT fee FROM subscription WHERE id = :subscriptionId FOR UPDATE; -- locked ? :x
                WITH one AS (SELECT :subscriptionId::int AS id) INSERT INTO note SELECT 'with insert ' || id FROM one;
                WITH one AS (INSERT INTO note VALUES ('with select ' || :subscriptionId) RETURNING text) SELECT * FROM one;
                INSERT INTO note VALUES ('returning ' || :subscriptionId) RETURNING text, now();
                MERGE INTO subscription s USING (VALUES (:subscriptionId::int)) AS v(id) ON s.id = v.id WHEN MATCHED THEN UPDATE SET fee = s.fee + :amount;
                INSERT INTO note SELECT 'jsonb ' || (:doc::jsonb ? 'a') || (:doc::jsonb ?| array['x', 'b']) || (:doc::jsonb @? '$.a ? (@ > 0)');
                INSERT INTO note VALUES ($$dollar :x ' ?$$), ('it''s ; :y ?'), (E'it\\'s :z');
                INSERT INTO note VALUES ('twice ' || (:amount::numeric + 1) || ' ' || :amount::text || ' ' || (:subscriptionId::int + 1) || :subscriptionId);
                INSERT INTO note VALUES ('null ' || coalesce(:nothing::text, 'is null') || (:nothing::date IS NULL));
                INSERT INTO amounts (exact, tags, at, day) VALUES (:amount, array(select jsonb_array_elements_text(:tags::jsonb)), :at, :billingDate);
                SELECT 1, 1 AS two, 1 AS two;
                VALUES (1), (2);
                TABLE subscription;
                DELETE FROM note WHERE text = 'nobody' AND :subscriptionId::int > 0;
                UPDATE subscription SET active = active WHERE id = :subscriptionId
                """),
            """
            12345678901234567890.0123456789::numeric(30,10) AS amount, null::text AS nothing, array['a','b c','"'] AS tags,
                  timestamptz '2026-11-01 01:02:03.456789+09' AS at, '{"a": 1, "b": null}'::jsonb AS doc\
            """);
    Billing billing = Billing.with(DATABASE, 1, manifest);
    billing.execute("drop table if exists note, amounts");
    billing.execute("create table note (text text)");
    billing.execute(
        "create table amounts (exact numeric(30,10), tags text[], at timestamptz, day date)");

    billing.fire();
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      assertThat(billing.units(compiled).on(connection).needsValues()).isNotEqualTo(compiled);
    }
    billing.drain(compiled);

    assertThat(billing.text("select coalesce(max(message), 'none') from koyomi.dead"))
        .isEqualTo("none");
    assertThat(billing.run()).isEqualTo("Succeeded 1/1/0/0");
    assertThat(billing.text("select string_agg(text, '|' order by text collate \"C\") from note"))
        .isEqualTo(
            "dollar :x ' ?|it's :z|it's ; :y ?|jsonb truetruetrue|null is nulltrue|returning 1|"
                + "twice 12345678901234567891.0123456789 12345678901234567890.0123456789 21|"
                + "with insert 1|with select 1");
    assertThat(
            billing.text(
                "select format('%s %s %s %s', exact, tags, at at time zone 'UTC', day) from"
                    + " amounts"))
        .isEqualTo(
            "12345678901234567890.0123456789 {a,\"b c\",\"\\\"\"} 2026-10-31 16:02:03.456789"
                + " 2026-11-01");
    assertThat(billing.text("select fee::text from subscription"))
        .isEqualTo("12345678901234567891.0123456789");
  }

  @Test
  void readsColumnsOfAllTypesInSetSql() throws Exception {
    String manifest =
        Billing.selecting(
            Billing.committing(
                Billing.unit(
                    """
                    INSERT INTO amounts SELECT job.amount, job.tags, job.at, job."billingDate", job.nothing
                    FROM koyomi.jobs() job(Amount numeric(30, 10), "tags" jsonb, at timestamp with time zone, "billingDate" date, nothing int[])
                    """),
                "{mode: Chunk}"),
            """
            12345678901234567890.0123456789::numeric(30,10) AS amount, null::int[] AS nothing, array['a'] AS tags,
                  timestamptz '2026-11-01 01:02:03.456789+09' AS at\
            """);
    Billing billing = Billing.with(DATABASE, 2, manifest);
    billing.execute("drop table if exists amounts");
    billing.execute(
        "create table amounts (exact numeric(30,10), tags jsonb, at timestamptz, day date, nothing"
            + " int[])");

    billing.fire();
    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 2/2/0/0");
    assertThat(
            billing.text(
                "select distinct format('%s %s %s %s %s', exact, tags, at at time zone 'UTC', day,"
                    + " nothing is null) from amounts"))
        .isEqualTo(
            "12345678901234567890.0123456789 [\"a\"] 2026-10-31 16:02:03.456789 2026-11-01 t");
  }

  @Test
  void refusesATriggerThatLacksAColumnOfTheSetSql() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            1,
            Billing.committing(
                Billing.unit(
                    ALL.replace("\"billingDate\" date", "\"billingDay\" date")
                        .replace("job.\"billingDate\"", "job.\"billingDay\"")),
                "{mode: Chunk}"));

    billing.fire();

    assertThat(billing.text("select reason || ': ' || message from koyomi.run"))
        .startsWith(
            "ParameterWithoutColumn: spec.unit.sql: billingDay has no column of that name in"
                + " spec.trigger.sql");
  }

  @Test
  void parksTheJobsThatLackAColumnOfTheSetSqlAndWorksTheOthers() throws Exception {
    Billing billing = Way.CHUNK.billing(3);
    billing.fire();
    // As if the Unit had been changed while the run was open.
    billing.execute(
        "update koyomi.chunk set names = null, kinds = null, vals = null, jobs ="
            + " jsonb_build_array(koyomi.payload_of(id, 0), '{\"subscriptionId\": 2}'::jsonb,"
            + " koyomi.payload_of(id, 2))");

    billing.drain();

    assertThat(billing.run()).isEqualTo("PartiallyFailed 3/2/0/1");
    assertThat(billing.text("select kind || ' ' || key from koyomi.dead")).isEqualTo("Parked 2");
    assertThat(billing.text("select string_agg(subscription_id::text, ' ') from invoice"))
        .isEqualTo("1 3");
  }

  /** The lease changes while the Unit of the tenth job runs: what came before it stays. */
  @ParameterizedTest
  @EnumSource
  void commitsNothingMoreOnceTheFenceIsLost(Way way) throws Exception {
    Billing billing = way.billing(20, "SELECT gate();\n");
    makeGate(billing);
    billing.fire();
    LeasedSlice slice;
    try (Connection leasing = DATABASE.dataSource().getConnection()) {
      slice = billing.lease(leasing, billing.join()).orElseThrow();
    }
    try (Rival keeper = new Rival(DATABASE.dataSource());
        Rival worker = new Rival(DATABASE.dataSource())) {
      keeper.inOpenTransaction(
          open -> open.createStatement().execute("select pg_advisory_xact_lock(42)"));
      Units units = billing.units(way.compiled).on(worker.connection());
      var stride = worker.blocked(_ -> units.run(new Units.Range(slice, 0, 20), null));
      billing.execute("update koyomi.slice set lease = lease + 1");
      keeper.commit();

      Stride ended = Rival.outcome(stride);
      assertThat(ended.ending()).isEqualTo(new Ending.Fenced());
      if (!way.compiled) {
        assertThat(ended.position())
            .as("what is known to be committed")
            .isEqualTo((int) billing.count("select position from koyomi.slice"));
      }
    }
    long committed = billing.count("select position from koyomi.slice");
    assertThat(committed)
        .isEqualTo(
            switch (way) {
              case EACH_COMPILED -> 9;
              case EACH_SENT -> 9;
              case MANY_COMPILED, MANY_SENT -> 7;
              case CHUNK -> 0;
            });
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(committed);
  }

  /** A transaction takes no more once it is a second old, also where several Units are sent. */
  @ParameterizedTest
  @EnumSource(names = {"MANY_COMPILED", "MANY_SENT"})
  void aTransactionOfManyBeginsNoUnitAfterASecond(Way way) throws Exception {
    Billing billing =
        way.billing(
            6,
            """
            INSERT INTO begun SELECT :subscriptionId::int, clock_timestamp() - now();
            SELECT pg_sleep(0.6);
            """);
    billing.execute("drop table if exists begun");
    billing.execute("create table begun (subscription int, age interval)");

    billing.fire();
    billing.drain(way.compiled);

    assertThat(billing.count("select count(*) from begun")).isEqualTo(6);
    assertThat(billing.text("select (max(age) <= '1 second')::text || max(age) from begun"))
        .startsWith("true");
  }

  /** Quick ones go together again, as many as the manifest says. */
  @Test
  void sentUnitsOfManyGoTogetherWhereTheyAreQuick() throws Exception {
    Billing billing =
        Way.MANY_SENT.billing(300, "INSERT INTO begun SELECT pg_current_xact_id();\n");
    billing.execute("drop table if exists begun");
    billing.execute("create table begun (transaction xid8)");

    billing.fire();
    billing.drain(false);

    assertThat(
            billing.count(
                "select max(jobs) from (select count(*) as jobs from begun group by transaction) as"
                    + " t"))
        .isEqualTo(7);
  }

  /** 1, 0-19 fails; 2, 0-9; 3, 10-14 fails; 4, 10-11 fails; 5, 10; 6, 11 is the reason. */
  @Test
  void aPortionThatIsHalvedTellsOfEachOfItsTransactions() throws Exception {
    Billing billing = Way.CHUNK.billing(20);
    billing.execute("update subscription set fee = null where id = 12");
    billing.fire();
    AtomicInteger moved = new AtomicInteger();
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();

      Stride stride =
          billing
              .units(false)
              .on(connection)
              .run(new Units.Range(slice, 0, 20), null, moved::incrementAndGet);

      assertThat(stride.position()).isEqualTo(11);
      assertThat(moved).hasValue(6);
    }
  }

  private static void makeGate(Billing billing) {
    billing.execute("drop sequence if exists tries");
    billing.execute("create sequence tries");
    billing.execute(
        """
        create or replace function gate() returns void language plpgsql as $$
        begin
          if nextval('tries') = (select case when count(*) = 0 then 1 else 10 end from koyomi.batch where commit_jobs < 500) then
            perform pg_advisory_xact_lock(42);
          end if;
        end $$
        """);
  }

  @Test
  void sendsTheStatementsWhereTheRoleMayMakeNoProcedure() throws Exception {
    Billing billing = Way.EACH_COMPILED.billing(3);
    billing.fire();
    try (Connection admin = superuser()) {
      admin
          .createStatement()
          .execute(
              """
              do $$ begin
                if not exists (select from pg_roles where rolname = 'plain') then create role plain; end if;
                execute format('revoke temporary on database %I from public', current_database());
                execute format('grant plain to %I', (select pg_get_userbyid(datdba) from pg_database where datname = current_database()));
              end $$;
              grant usage on schema koyomi, public to plain;
              grant all on all tables in schema koyomi, public to plain;
              grant all on all sequences in schema koyomi, public to plain;
              """);
    }
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();
      connection.createStatement().execute("set role plain");

      Units units = billing.units(true).on(connection);

      assertThat(units.needsValues()).isTrue();
      assertThat(units.run(new Units.Range(slice, 0, 3), null)).isEqualTo(Stride.reached(3));
      connection.createStatement().execute("reset role");
    }
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(3);
  }

  private static Connection superuser() throws Exception {
    var address = DATABASE.superuser();
    return java.sql.DriverManager.getConnection(
        address.jdbcUrl(), address.username(), address.password());
  }
}
