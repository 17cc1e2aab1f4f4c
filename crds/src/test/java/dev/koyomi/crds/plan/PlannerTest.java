package dev.koyomi.crds.plan;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class PlannerTest {
  static final String BILLING =
      """
      apiVersion: koyomi.dev/v1alpha1
      kind: BatchSchedule
      metadata: {name: issue-invoices, namespace: billing}
      spec:
        timeZone: Asia/Tokyo
        schedules:
          - {name: nightly, cron: "0 1 * * *"}
        trigger:
          sql: |
            SELECT s.id AS key, s.id AS "subscriptionId", :logicalDate AS "billingDate"
            FROM subscription s WHERE s.status = 'active'
        unit:
          sql: |
            INSERT INTO invoice (subscription_id, billing_date)
            VALUES (:subscriptionId, :billingDate)
      """;

  @Test
  void fillsInTheDefaultsOfAllThatTheManifestIsSilentAbout() throws Exception {
    Planned planned = Planner.plan(Manifests.read(BILLING).getFirst());
    assertThat(planned).isInstanceOf(Planned.Valid.class);
    Plan plan = ((Planned.Valid) planned).plan();
    assertThat(plan.batch()).hasToString("billing/issue-invoices");
    assertThat(plan.entries().getFirst().cronJob()).isEqualTo("issue-invoices-nightly");
    assertThat(plan.trigger().timeout()).isEqualTo(Duration.ofMinutes(10));
    assertThat(plan.workers().stopWithin()).isEqualTo(Duration.ofMinutes(1));
    assertThat(plan.retry().maxAttempts()).isEqualTo(10);
  }

  @Test
  void readsItsOwnDefinitionBack() throws Exception {
    Planned.Valid first = (Planned.Valid) Planner.plan(Manifests.read(BILLING).getFirst());
    Planned again = Planner.plan(new ObjectMapper().readTree(first.definition().json()));
    assertThat(again).isInstanceOf(Planned.Valid.class);
    assertThat(((Planned.Valid) again).definition()).isEqualTo(first.definition());
    assertThat(first.definition().revision()).matches("[0-9a-f]{10}");
  }

  @Test
  void saysAllProblemsAtOnce() throws Exception {
    String bad =
        BILLING
            .replace("Asia/Tokyo", "Asia/Tokio")
            .replace("0 1 * * *", "0 0 1 * * *")
            .replace(
                "  unit:",
                """
                  workers: {concurrency: 0, max: lots}
                  overlap: {policy: Skipp}
                  unti: {}
                  unit:\
                """);
    Planned planned = Planner.plan(Manifests.read(bad).getFirst());
    assertThat(((Planned.Invalid) planned).problems().stream().map(Problem::toString))
        .hasSize(6)
        .anyMatch(it -> it.contains("Asia/Tokyo"));
  }
}
