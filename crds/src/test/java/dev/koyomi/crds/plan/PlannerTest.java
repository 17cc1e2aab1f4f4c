package dev.koyomi.crds.plan;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.koyomi.crds.Database;
import dev.koyomi.crds.Job;
import dev.koyomi.crds.Overlap;
import dev.koyomi.crds.Resources;
import dev.koyomi.crds.Trigger;
import dev.koyomi.crds.sql.SqlText;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlannerTest {
  private static final Path RIGHT = Path.of("src/test/resources/manifests/right");
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final Plan.JobPlan USUAL_JOB =
      new Plan.JobPlan(
          new Plan.Order(Job.OrderMode.Unordered, 0, Job.OnDead.Continue),
          Job.Priority.Normal,
          new RetryPolicy(
              10,
              new Backoff.Exponential(Duration.ofSeconds(30), 2, Duration.ofHours(1), 0.2),
              List.of(),
              3),
          new Plan.Limits(null, null),
          262_144);

  private static final Plan.Recycle USUAL_RECYCLE =
      new Plan.Recycle(Duration.ofHours(1), null, null);

  @Test
  void fillsInAllThatTheManifestIsSilentAbout() throws Exception {
    Plan plan = valid(read("smallest")).plan();
    assertThat(plan.batch()).isEqualTo(new BatchName("default", "issue-invoices"));
    assertThat(plan.generation()).isZero();
    assertThat(plan.timeZone()).isEqualTo(ZoneId.of("UTC"));
    assertThat(plan.entries()).isEmpty();
    assertThat(plan.suspend()).isFalse();
    assertThat(plan.overlap()).isEqualTo(Overlap.Policy.Skip);
    assertThat(plan.trigger())
        .isEqualTo(
            new Plan.Selection(
                SqlText.parse("SELECT id AS key FROM subscription"),
                Duration.ofMinutes(10),
                1_000_000,
                Trigger.OnEmpty.Succeed,
                null));
    assertThat(plan.job()).isEqualTo(USUAL_JOB);
    assertThat(plan.job().order().ordered()).isFalse();
    assertThat(plan.unit().timeout()).isEqualTo(Duration.ofSeconds(30));
    assertThat(plan.unit().commit()).isEqualTo(new Plan.Commit.Each());
    assertThat(plan.workers())
        .isEqualTo(new Plan.WorkerPool(1, 8, Duration.ofMinutes(1), USUAL_RECYCLE));
    assertThat(plan.image()).isNull();
    assertThat(plan.resources()).isNull();
    assertThat(plan.env()).isEmpty();
    assertThat(plan.database())
        .isEqualTo(new Plan.DatabaseRef("koyomi-database", Database.Migrate.Auto));
    assertThat(plan.historyDays()).isEqualTo(90);
  }

  @Test
  void readsAllThatAManifestSays() throws Exception {
    Plan plan = valid(read("everything")).plan();
    assertThat(plan.batch()).hasToString("billing/issue-invoices");
    assertThat(plan.timeZone()).isEqualTo(ZoneId.of("Asia/Tokyo"));
    assertThat(plan.entries())
        .extracting(Plan.Entry::name, Plan.Entry::cronJob, entry -> entry.cron().text())
        .containsExactly(
            tuple("nightly", "issue-invoices-nightly", "0 1 * * *"),
            tuple("month-end", "issue-invoices-month-end", "@monthly"));
    assertThat(plan.suspend()).isTrue();
    assertThat(plan.overlap()).isEqualTo(Overlap.Policy.Allow);
    Plan.Selection trigger = requireNonNull(plan.trigger());
    assertThat(trigger.timeout()).isEqualTo(Duration.ofMinutes(90));
    assertThat(trigger.onEmpty()).isEqualTo(Trigger.OnEmpty.Fail);
    assertThat(trigger.sql().parameters()).containsExactly("logicalDate");
    assertThat(trigger.databaseSecret()).isEqualTo("billing-replica");
    Backoff backoff =
        new Backoff.Exponential(Duration.ofMillis(500), 1.5, Duration.ofSeconds(10), 0);
    Backoff delays =
        new Backoff.Delays(
            List.of(Duration.ofSeconds(1), Duration.ofSeconds(10), Duration.ofSeconds(90)), 0.5);
    assertThat(plan.job())
        .isEqualTo(
            new Plan.JobPlan(
                new Plan.Order(Job.OrderMode.FifoByKey, 32, Job.OnDead.StopLane),
                Job.Priority.Normal,
                new RetryPolicy(
                    3,
                    backoff,
                    List.of(
                        new RetryPolicy.ForErrors(List.of("23505", "22"), 1, backoff),
                        new RetryPolicy.ForErrors(List.of("Timeout", "40P01"), 20, delays),
                        new RetryPolicy.ForErrors(List.of("P0001"), 3, backoff)),
                    2),
                new Plan.Limits(100, new Plan.Rate(600, Duration.ofMinutes(1))),
                65_536));
    assertThat(plan.job().order().ordered()).isTrue();
    assertThat(plan.unit().sql().statements()).hasSize(2);
    assertThat(plan.unit().commit()).isEqualTo(new Plan.Commit.Many(20));
    assertThat(plan.workers())
        .isEqualTo(
            new Plan.WorkerPool(
                4,
                16,
                Duration.ofSeconds(90),
                new Plan.Recycle(Duration.ofHours(2), 1_000_000L, 512L << 20)));
    assertThat(plan.resources())
        .isEqualTo(
            new Resources(
                Map.of("cpu", "1", "memory", "256Mi"), Map.of("cpu", "1500m", "memory", "0.5Gi")));
    assertThat(plan.env()).hasSize(4);
    assertThat(plan.database())
        .isEqualTo(new Plan.DatabaseRef("billing-db.app", Database.Migrate.Never));
    assertThat(plan.historyDays()).isEqualTo(400);
  }

  @Test
  void aBatchWithoutATriggerTakesJobsFromOutsideAlone() throws Exception {
    Plan plan = valid(read("enqueue-only")).plan();
    assertThat(plan.trigger()).isNull();
    assertThat(plan.entries()).isEmpty();
    assertThat(plan.job().order())
        .isEqualTo(new Plan.Order(Job.OrderMode.Fifo, 1, Job.OnDead.Continue));
    assertThat(plan.job().limits()).isEqualTo(new Plan.Limits(1, null));
    assertThat(plan.unit().commit()).isEqualTo(new Plan.Commit.Many(50));
  }

  @Test
  void aChunkReadsItsJobsAsRows() throws Exception {
    Plan plan = valid(read("chunk")).plan();
    assertThat(plan.unit().commit()).isEqualTo(new Plan.Commit.Chunk());
    assertThat(plan.unit().sql().statements().getFirst().text())
        .contains(
            "FROM (select c1::bigint as \"accountId\" from unnest(koyomi.column('accountId')) as"
                + " u(c1)) AS job WHERE");
    assertThat(plan.job().priority()).isEqualTo(Job.Priority.Low);
    assertThat(plan.job().maxPayload()).isEqualTo(1_048_576);
    assertThat(plan.job().limits().rate()).isEqualTo(new Plan.Rate(10, Duration.ofSeconds(1)));
    assertThat(plan.job().retry().backoff())
        .isEqualTo(
            new Backoff.Delays(
                List.of(Duration.ofSeconds(10), Duration.ofMinutes(1), Duration.ofMinutes(10)),
                0.2));
  }

  @Test
  void theKeysOfAnOrderHave256LanesUnlessSaidOtherwise() throws Exception {
    String manifest =
        read("smallest").replace("FROM subscription", "FROM subscription ORDER BY id")
            + "  job: {order: {mode: FifoByKey}}\n";
    assertThat(valid(manifest).plan().job().order())
        .isEqualTo(new Plan.Order(Job.OrderMode.FifoByKey, 256, Job.OnDead.Continue));
  }

  @ParameterizedTest
  @CsvSource({"10/s, PT1S", "7/m, PT1M", "9999999/h, PT1H"})
  void readsAndWritesRates(String text, Duration per) throws Exception {
    Plan.Rate rate =
        requireNonNull(
            valid(read("smallest") + "  job: {limits: {rate: " + text + "}}\n")
                .plan()
                .job()
                .limits()
                .rate());
    assertThat(rate.per()).isEqualTo(per);
    assertThat(rate.text()).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"smallest", "everything", "chunk", "enqueue-only"})
  void readsItsOwnDefinitionBack(String name) throws Exception {
    Planned.Valid first = valid(read(name));
    Planned.Valid again = valid(first.definition().json());
    assertThat(again.definition()).isEqualTo(first.definition());
    assertThat(again.plan().trigger()).isEqualTo(first.plan().trigger());
    assertThat(again.plan().unit()).isEqualTo(first.plan().unit());
    assertThat(again.plan().job()).isEqualTo(first.plan().job());
    assertThat(again.plan().workers().recycle()).isEqualTo(first.plan().workers().recycle());
    assertThat(again.plan().historyDays()).isEqualTo(first.plan().historyDays());
    assertThat(again.plan().entries()).isEqualTo(first.plan().entries());
  }

  /** A run keeps the definition that it was made with, across releases. */
  @Test
  void readsADefinitionOfAnOlderReleaseAsItWasMeant() throws Exception {
    Plan plan =
        valid(Files.readString(Path.of("src/test/resources/manifests/definition-of-0.1.0.json")))
            .plan();
    assertThat(requireNonNull(plan.trigger()).databaseSecret()).isNull();
    assertThat(plan.job())
        .isEqualTo(
            new Plan.JobPlan(
                USUAL_JOB.order(),
                USUAL_JOB.priority(),
                new RetryPolicy(
                    3,
                    new Backoff.Exponential(Duration.ofMillis(500), 1.5, Duration.ofSeconds(10), 0),
                    List.of(),
                    3),
                USUAL_JOB.limits(),
                USUAL_JOB.maxPayload()));
    assertThat(plan.unit().commit()).isEqualTo(new Plan.Commit.Each());
    assertThat(plan.workers().recycle()).isEqualTo(USUAL_RECYCLE);
    assertThat(plan.historyDays()).isEqualTo(90);
  }

  @Test
  void theDefinitionIsTheTextThatReleasesAgreedOn() throws Exception {
    Definition definition = valid(read("everything")).definition();
    Path golden = Path.of("src/test/resources/manifests/everything.definition.json");
    if (Boolean.getBoolean("koyomi.update")) {
      Files.writeString(golden, definition.json());
    }
    assertThat(definition.json()).isEqualTo(Files.readString(golden));
    assertThat(definition.revision()).matches("[0-9a-f]{10}");
  }

  @Test
  void anotherWayToWriteTheSameGivesTheSameRevision() throws Exception {
    String smallest = read("smallest");
    String other =
        smallest
            .replace("spec:", "spec:\n  timeZone: UTC\n  workers: {stopWithin: 1m, max: 9}")
            .replace("  unit:", "  suspend: true\n  image: a/b\n  unit:\n    timeout: 30000ms")
            .replace("timeout: 30000ms", "timeout: 30000ms\n    commit: {mode: Each}")
            .replace("metadata:", "metadata:\n  generation: 12");
    other +=
        """
          job:
            maxPayload: "262144"
            priority: Normal
            retry: {onLost: 3, "on": [], backoff: {initial: 30000ms, factor: 2.0, max: 60m}}
          history: {days: 90}
        """;
    assertThat(valid(other).definition()).isEqualTo(valid(smallest).definition());
    assertThat(valid(other).plan().generation()).isEqualTo(12);
  }

  @Test
  void whatChangesTheWorkGivesAnotherRevision() throws Exception {
    String smallest = read("smallest");
    String revision = valid(smallest).definition().revision();
    for (String other :
        List.of(
            smallest.replace("WHERE id", "WHERE  id"),
            smallest + "    timeout: 31s\n",
            smallest + "  overlap: {policy: Allow}\n",
            smallest + "  workers: {concurrency: 9}\n",
            smallest + "  workers: {recycle: {maxTime: 61m}}\n",
            smallest + "    commit: {mode: Many}\n",
            smallest + "  job: {priority: High}\n",
            smallest + "  job: {retry: {onLost: 4}}\n",
            smallest + "  job: {retry: {\"on\": [{errors: [Timeout]}]}}\n",
            smallest + "  job: {retry: {backoff: {delays: [30s]}}}\n",
            smallest + "  job: {limits: {rate: 1/s}}\n",
            smallest + "  job: {maxPayload: 1Ki}\n",
            smallest + "  history: {days: 91}\n",
            smallest + "  schedules: [{name: a, cron: \"@daily\"}]\n",
            smallest.replace("name: issue-invoices", "name: issue-bills"))) {
      assertThat(valid(other).definition().revision()).isNotEqualTo(revision);
    }
  }

  @Test
  void takesNullForSilenceAsTheApiServerDoes() throws Exception {
    assertThat(valid(read("smallest") + "  workers: null\n  image: null\n  timeZone: null\n"))
        .isEqualTo(valid(read("smallest")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "7", "\"BatchSchedule\"", "{}", "null", "{\"kind\": []}"})
  void saysThatSomethingElseIsNoBatchSchedule(String json) throws Exception {
    assertThat(Planner.plan(JSON.readTree(json)))
        .isEqualTo(
            new Planned.Invalid(
                List.of(
                    new Problem("kind", "\"kind\" is missing: write it (kind: BatchSchedule)."))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a/b", "Billing", "\"-\"", "{a: 1}", "7.", "\"\""})
  void refusesANamespaceThatIsNoName(String namespace) throws Exception {
    String manifest = read("smallest").replace("metadata:", "metadata:\n  namespace: " + namespace);
    assertThat(Planner.plan(Manifests.read(manifest).getFirst()))
        .isInstanceOfSatisfying(
            Planned.Invalid.class,
            invalid ->
                assertThat(invalid.problems())
                    .extracting(Problem::field)
                    .containsExactly("metadata.namespace"));
  }

  @Test
  void aBatchIsCalledByNamespaceAndName() {
    assertThat(BatchName.parse("billing/issue-invoices"))
        .isEqualTo(new BatchName("billing", "issue-invoices"))
        .hasToString("billing/issue-invoices");
    for (String text : List.of("issue-invoices", "/a", "a/", "a/b/c", "")) {
      assertThatThrownBy(() -> BatchName.parse(text))
          .hasMessage("A batch is called namespace/name, not \"" + text + "\".");
    }
  }

  private static String read(String name) throws Exception {
    return Files.readString(RIGHT.resolve(name + ".yaml"));
  }

  private static Planned.Valid valid(String manifest) throws Exception {
    Planned planned = Planner.plan(Manifests.read(manifest).getFirst());
    assertThat(planned).isInstanceOf(Planned.Valid.class);
    return (Planned.Valid) planned;
  }
}
