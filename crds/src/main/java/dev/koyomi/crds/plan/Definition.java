package dev.koyomi.crds.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.Durations;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

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
    spec.putObject("trigger")
        .put("sql", plan.trigger().sql().text())
        .put("timeout", Durations.format(plan.trigger().timeout()))
        .put("maxJobs", plan.trigger().maxJobs())
        .put("onEmpty", plan.trigger().onEmpty().name());
    ObjectNode retry =
        spec.putObject("job").putObject("retry").put("maxAttempts", plan.retry().maxAttempts());
    retry
        .putObject("backoff")
        .put("initial", Durations.format(plan.retry().initial()))
        .put("factor", plan.retry().factor())
        .put("max", Durations.format(plan.retry().max()))
        .put("jitter", plan.retry().jitter());
    spec.putObject("unit")
        .put("sql", plan.unit().sql().text())
        .put("timeout", Durations.format(plan.unit().timeout()));
    spec.putObject("workers")
        .put("concurrency", plan.workers().concurrency())
        .put("stopWithin", Durations.format(plan.workers().stopWithin()));
    String json = write(root);
    return new Definition(json, revision(json));
  }

  private static String write(ObjectNode tree) {
    var indenter = new DefaultIndenter("  ", "\n");
    var printer = new DefaultPrettyPrinter();
    printer.indentObjectsWith(indenter);
    printer.indentArraysWith(indenter);
    try {
      return MAPPER.writer(printer).writeValueAsString(tree) + "\n";
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
