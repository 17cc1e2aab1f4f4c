package dev.koyomi.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.operator.status.Findings;
import dev.koyomi.operator.status.Stage;
import dev.koyomi.operator.status.StatusTree;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.function.Function;

/** Follows a batch's course and writes its status when that changed. */
final class BatchReconciler implements Reconciler<BatchSchedule> {
  /** What no event tells (a Secret, a namespace's quota) is looked at again after this. */
  private static final Duration LOOK_AGAIN = Duration.ofSeconds(30);

  private static final Duration AT_REST = Duration.ofMinutes(5);

  private final Course course;
  private final InstantSource clock;
  private final Function<EventSourceContext<BatchSchedule>, List<EventSource<?, BatchSchedule>>>
      sources;

  BatchReconciler(
      Course course,
      InstantSource clock,
      Function<EventSourceContext<BatchSchedule>, List<EventSource<?, BatchSchedule>>> sources) {
    this.course = course;
    this.clock = clock;
    this.sources = sources;
  }

  @Override
  public List<EventSource<?, BatchSchedule>> prepareEventSources(
      EventSourceContext<BatchSchedule> context) {
    return sources.apply(context);
  }

  @Override
  public UpdateControl<BatchSchedule> reconcile(
      BatchSchedule schedule, Context<BatchSchedule> context) throws InterruptedException {
    Instant now = clock.instant();
    Findings findings = course.follow(schedule, now);
    JsonNode status = StatusTree.of(findings, schedule.getStatus(), now);
    UpdateControl<BatchSchedule> control =
        status.equals(schedule.getStatus())
            ? UpdateControl.noUpdate()
            : UpdateControl.patchStatus(onlyStatus(schedule, status));
    return control.rescheduleAfter(again(findings, now));
  }

  /** Server-side apply must see nothing but what we state. */
  private static BatchSchedule onlyStatus(BatchSchedule schedule, JsonNode status) {
    BatchSchedule fresh = new BatchSchedule();
    fresh.setMetadata(
        new ObjectMetaBuilder()
            .withName(schedule.getMetadata().getName())
            .withNamespace(schedule.getMetadata().getNamespace())
            .build());
    fresh.setStatus(status);
    return fresh;
  }

  private static Duration again(Findings findings, Instant now) {
    if (!(findings.stage() instanceof Stage.Applied)) {
      return LOOK_AGAIN;
    }
    // Just after it fired the status names the firing after it.
    return findings
        .nextScheduleTime()
        .map(next -> Duration.between(now, next).plusSeconds(1))
        .filter(wait -> wait.compareTo(AT_REST) < 0)
        .orElse(AT_REST);
  }
}
