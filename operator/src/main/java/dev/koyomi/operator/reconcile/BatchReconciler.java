package dev.koyomi.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.operator.apply.Applier;
import dev.koyomi.operator.status.Findings;
import dev.koyomi.operator.status.Stage;
import dev.koyomi.operator.status.StatusTree;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
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

  private static final PatchContext WHOLE_STATUS =
      new PatchContext.Builder()
          .withPatchType(PatchType.JSON)
          .withFieldManager(Applier.FIELD_MANAGER)
          .build();

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
    if (!status.equals(schedule.getStatus())) {
      write(schedule, status, context);
    }
    UpdateControl<BatchSchedule> written = UpdateControl.noUpdate();
    return written.rescheduleAfter(again(findings, now));
  }

  /**
   * Puts the whole status in the place of the one before. Server-side apply cannot do it: the API
   * server answers 500 when a value of the stored spec has another type than the schema says.
   */
  private static void write(
      BatchSchedule schedule, JsonNode status, Context<BatchSchedule> context) {
    ArrayNode patch = JsonNodeFactory.instance.arrayNode();
    // Not into an object that was made anew under this name meanwhile.
    patch
        .addObject()
        .put("op", "test")
        .put("path", "/metadata/uid")
        .put("value", schedule.getMetadata().getUid());
    patch.addObject().put("op", "add").put("path", "/status").set("value", status);
    context
        .resourceOperations()
        .resourcePatch(
            schedule,
            stored ->
                context
                    .getClient()
                    .resource(stored)
                    .subresource("status")
                    .patch(WHOLE_STATUS, patch.toString()),
            context.eventSourceRetriever().getControllerEventSource());
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
