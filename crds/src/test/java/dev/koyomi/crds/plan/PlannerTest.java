package dev.koyomi.crds.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.koyomi.crds.Database;
import dev.koyomi.crds.Overlap;
import dev.koyomi.crds.Resources;
import dev.koyomi.crds.Trigger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlannerTest {
  private static final Path RIGHT = Path.of("src/test/resources/manifests/right");
  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void fillsInAllThatTheManifestIsSilentAbout() throws Exception {
    Plan plan = valid(read("smallest")).plan();
    assertThat(plan.batch()).isEqualTo(new BatchName("default", "issue-invoices"));
    assertThat(plan.generation()).isZero();
    assertThat(plan.timeZone()).isEqualTo(ZoneId.of("UTC"));
    assertThat(plan.entries()).isEmpty();
    assertThat(plan.suspend()).isFalse();
    assertThat(plan.overlap()).isEqualTo(Overlap.Policy.Skip);
    assertThat(plan.trigger().timeout()).isEqualTo(Duration.ofMinutes(10));
    assertThat(plan.trigger().maxJobs()).isEqualTo(1_000_000);
    assertThat(plan.trigger().onEmpty()).isEqualTo(Trigger.OnEmpty.Succeed);
    assertThat(plan.retry())
        .isEqualTo(new RetryPolicy(10, Duration.ofSeconds(30), 2, Duration.ofHours(1), 0.2));
    assertThat(plan.unit().timeout()).isEqualTo(Duration.ofSeconds(30));
    assertThat(plan.workers()).isEqualTo(new Plan.WorkerPool(1, 8, Duration.ofMinutes(1)));
    assertThat(plan.image()).isNull();
    assertThat(plan.resources()).isNull();
    assertThat(plan.env()).isEmpty();
    assertThat(plan.database())
        .isEqualTo(new Plan.DatabaseRef("koyomi-database", Database.Migrate.Auto));
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
    assertThat(plan.trigger().timeout()).isEqualTo(Duration.ofMinutes(90));
    assertThat(plan.trigger().onEmpty()).isEqualTo(Trigger.OnEmpty.Fail);
    assertThat(plan.trigger().sql().parameters()).containsExactly("logicalDate");
    assertThat(plan.retry())
        .isEqualTo(new RetryPolicy(3, Duration.ofMillis(500), 1.5, Duration.ofSeconds(10), 0));
    assertThat(plan.unit().sql().statements()).hasSize(2);
    assertThat(plan.workers()).isEqualTo(new Plan.WorkerPool(4, 16, Duration.ofSeconds(90)));
    assertThat(plan.resources())
        .isEqualTo(
            new Resources(
                Map.of("cpu", "1", "memory", "256Mi"), Map.of("cpu", "1500m", "memory", "0.5Gi")));
    assertThat(plan.env()).hasSize(4);
    assertThat(plan.database())
        .isEqualTo(new Plan.DatabaseRef("billing-db.app", Database.Migrate.Never));
  }

  @ParameterizedTest
  @ValueSource(strings = {"smallest", "everything"})
  void readsItsOwnDefinitionBack(String name) throws Exception {
    Planned.Valid first = valid(read(name));
    Planned.Valid again = valid(first.definition().json());
    assertThat(again.definition()).isEqualTo(first.definition());
    assertThat(again.plan().trigger()).isEqualTo(first.plan().trigger());
    assertThat(again.plan().unit()).isEqualTo(first.plan().unit());
    assertThat(again.plan().retry()).isEqualTo(first.plan().retry());
    assertThat(again.plan().entries()).isEqualTo(first.plan().entries());
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
            .replace("metadata:", "metadata:\n  generation: 12");
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
