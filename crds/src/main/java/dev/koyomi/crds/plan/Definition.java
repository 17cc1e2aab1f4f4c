package dev.koyomi.crds.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.Durations;
import dev.koyomi.crds.Job;
import dev.koyomi.crds.Unit;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What the runner works by: the part of the manifest that decides what happens to a target, with
 * all defaults filled in. What does not ({@code suspend}, {@code image}, {@code resources}, {@code
 * env}, {@code database}, {@code workers.max}) is left out, so that changing it makes no new
 * revision. The planner reads it back.
 *
 * @param json a BatchSchedule; the same plan gives the same text
 * @param revision first ten hexadecimal digits of the text's SHA-256
 */
public record Definition(String json, String revision) {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** What JSON has in a text as it is, and YAML, which it is read as, takes for something else. */
  private static final Pattern ENDS_OF_LINES =
      Pattern.compile("[\\x{85}\\x{2028}\\x{2029}\\x{feff}]");

  /** The definition of a plan. */
  public static Definition of(Plan plan) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("apiVersion", BatchSchedule.API_VERSION).put("kind", BatchSchedule.KIND);
    root.putObject("metadata")
        .put("name", plan.batch().name())
        .put("namespace", plan.batch().namespace());
    ObjectNode spec = root.putObject("spec").put("timeZone", plan.timeZone().getId());
    var schedules = spec.putArray("schedules");
    for (Plan.Entry entry : plan.entries()) {
      schedules.addObject().put("name", entry.name()).put("cron", entry.cron().text());
    }
    spec.putObject("overlap").put("policy", plan.overlap().name());
    if (plan.trigger() != null) {
      trigger(spec.putObject("trigger"), plan.trigger());
    }
    job(spec.putObject("job"), plan.job());
    unit(spec.putObject("unit"), plan.unit());
    workers(spec.putObject("workers"), plan.workers());
    spec.putObject("history").put("days", plan.historyDays());
    String json = write(root);
    return new Definition(json, revision(json));
  }

  private static void trigger(ObjectNode trigger, Plan.Selection plan) {
    trigger
        .put("sql", plan.sql().text())
        .put("timeout", Durations.format(plan.timeout()))
        .put("maxJobs", plan.maxJobs())
        .put("onEmpty", plan.onEmpty().name());
    if (plan.databaseSecret() != null) {
      trigger.putObject("database").put("secretName", plan.databaseSecret());
    }
  }

  private static void job(ObjectNode job, Plan.JobPlan plan) {
    order(job.putObject("order"), plan.order());
    job.put("priority", plan.priority().name());
    retry(job.putObject("retry"), plan.retry());
    ObjectNode limits = job.putObject("limits");
    if (plan.limits().concurrency() != null) {
      limits.put("concurrency", plan.limits().concurrency());
    }
    if (plan.limits().rate() != null) {
      limits.put("rate", plan.limits().rate().text());
    }
    job.put("maxPayload", Quantities.ofBytes(plan.maxPayload()));
  }

  /** Where a field belongs to some modes only, the others are written without it. */
  private static void order(ObjectNode order, Plan.Order plan) {
    order.put("mode", plan.mode().name());
    if (plan.mode() == Job.OrderMode.FifoByKey) {
      order.put("lanes", plan.lanes());
    }
    if (plan.ordered()) {
      order.put("onDead", plan.onDead().name());
    }
  }

  private static void retry(ObjectNode retry, RetryPolicy plan) {
    retry.put("maxAttempts", plan.maxAttempts());
    backoff(retry.putObject("backoff"), plan.backoff());
    ArrayNode on = retry.putArray("on");
    for (RetryPolicy.ForErrors rule : plan.on()) {
      ObjectNode entry = on.addObject();
      rule.errors().forEach(entry.putArray("errors")::add);
      entry.put("maxAttempts", rule.maxAttempts());
      backoff(entry.putObject("backoff"), rule.backoff());
    }
    retry.put("onLost", plan.onLost());
  }

  private static void backoff(ObjectNode backoff, Backoff plan) {
    switch (plan) {
      case Backoff.Exponential(Duration initial, double factor, Duration max, double jitter) ->
          backoff
              .put("initial", Durations.format(initial))
              .put("factor", factor)
              .put("max", Durations.format(max))
              .put("jitter", jitter);
      case Backoff.Delays(List<Duration> delays, double jitter) -> {
        ArrayNode waits = backoff.putArray("delays");
        delays.forEach(delay -> waits.add(Durations.format(delay)));
        backoff.put("jitter", jitter);
      }
    }
  }

  private static void unit(ObjectNode unit, Plan.UnitPlan plan) {
    unit.put("sql", plan.sql().text()).put("timeout", Durations.format(plan.timeout()));
    ObjectNode commit = unit.putObject("commit");
    switch (plan.commit()) {
      case Plan.Commit.Each() -> commit.put("mode", Unit.CommitMode.Each.name());
      case Plan.Commit.Many(int jobs) ->
          commit.put("mode", Unit.CommitMode.Many.name()).put("jobs", jobs);
      case Plan.Commit.Chunk() -> commit.put("mode", Unit.CommitMode.Chunk.name());
    }
  }

  private static void workers(ObjectNode workers, Plan.WorkerPool plan) {
    workers
        .put("concurrency", plan.concurrency())
        .put("stopWithin", Durations.format(plan.stopWithin()));
    Plan.Recycle recycle = plan.recycle();
    ObjectNode written =
        workers.putObject("recycle").put("maxTime", Durations.format(recycle.maxTime()));
    if (recycle.maxJobs() != null) {
      written.put("maxJobs", recycle.maxJobs());
    }
    if (recycle.softMemory() != null) {
      written.put("softMemory", Quantities.ofBytes(recycle.softMemory()));
    }
  }

  private static String write(ObjectNode tree) {
    var indenter = new DefaultIndenter("  ", "\n");
    var printer = new DefaultPrettyPrinter();
    printer.indentObjectsWith(indenter);
    printer.indentArraysWith(indenter);
    try {
      return ENDS_OF_LINES
              .matcher(MAPPER.writer(printer).writeValueAsString(tree))
              .replaceAll(end -> "\\\\u%04x".formatted((int) end.group().charAt(0)))
          + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A tree of strings and numbers can always be written.", e);
    }
  }

  private static String revision(String json) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(json.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash).substring(0, 10);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256.", e);
    }
  }
}
