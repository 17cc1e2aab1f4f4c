package dev.koyomi.crds.plan;

import dev.koyomi.crds.Job;
import dev.koyomi.crds.Rules;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Checks how each target's job is handled. What cannot be read is null, and a problem. */
final class JobCheck {
  private static final Pattern RATE = Pattern.compile("([0-9]+)/([smh])");
  private static final int LANES = 256;
  private static final long LARGEST_PAYLOAD = 1L << 20;

  private final Problems problems;

  JobCheck(Problems problems) {
    this.problems = problems;
  }

  Plan.@Nullable JobPlan plan(@Nullable Job job) {
    if (job == null) {
      return null;
    }
    Plan.Order order = order(job.order());
    RetryPolicy retry = new RetryCheck(problems).policy(job.retry());
    Plan.Limits limits = limits(job.limits());
    Long maxPayload =
        new AmountCheck(problems)
            .bytes(job.maxPayload(), "spec.job.maxPayload", 1, LARGEST_PAYLOAD, Rules.MAX_PAYLOAD);
    Job.Priority priority = job.priority();
    if (order != null && order.ordered() && priority != null && priority != Job.Priority.Normal) {
      problems.add("spec.job.priority", Rules.PRIORITY);
    }
    if (order == null
        || priority == null
        || retry == null
        || limits == null
        || maxPayload == null) {
      return null;
    }
    return new Plan.JobPlan(order, priority, retry, limits, maxPayload);
  }

  private Plan.@Nullable Order order(Job.@Nullable Order order) {
    Job.OrderMode mode = order == null ? null : order.mode();
    if (order == null || mode == null) {
      return null;
    }
    if (order.lanes() != null && mode != Job.OrderMode.FifoByKey) {
      problems.add("spec.job.order.lanes", Rules.LANES);
    }
    if (order.onDead() != null && mode == Job.OrderMode.Unordered) {
      problems.add("spec.job.order.onDead", Rules.ON_DEAD);
    }
    int lanes =
        switch (mode) {
          case Unordered -> 0;
          case Fifo -> 1;
          case FifoByKey -> order.lanes() == null ? LANES : order.lanes();
        };
    return new Plan.Order(
        mode, lanes, order.onDead() == null ? Job.OnDead.Continue : order.onDead());
  }

  private Plan.@Nullable Limits limits(Job.@Nullable Limits limits) {
    return limits == null ? null : new Plan.Limits(limits.concurrency(), rate(limits.rate()));
  }

  private Plan.@Nullable Rate rate(@Nullable String text) {
    if (text == null) {
      return null;
    }
    Matcher parts = RATE.matcher(text);
    if (!text.matches(Rules.RATE_PATTERN) || !parts.matches()) {
      problems.add("spec.job.limits.rate", Rules.RATE);
      return null;
    }
    Duration per =
        switch (parts.group(2)) {
          case "s" -> Duration.ofSeconds(1);
          case "m" -> Duration.ofMinutes(1);
          default -> Duration.ofHours(1);
        };
    return new Plan.Rate(Integer.parseInt(parts.group(1)), per);
  }
}
