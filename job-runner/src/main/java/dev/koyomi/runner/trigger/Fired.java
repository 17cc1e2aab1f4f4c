package dev.koyomi.runner.trigger;

import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What made the trigger start. */
public sealed interface Fired {

  /**
   * A CronJob fired a slot of the timetable.
   *
   * @param cronJob name of the CronJob, which stands for one schedule entry
   */
  record Slot(Instant occurrence, String cronJob) implements Fired {}

  /**
   * A person fired a slot of the timetable: neither watermark nor an earlier failed selection
   * stands in the way.
   */
  record SlotByPerson(Instant occurrence) implements Fired {}

  /**
   * Somebody asked for a run outside the timetable.
   *
   * @param request makes the request unique: the same one is never run twice
   * @param occurrence the instant of the request, whose date becomes the logical date
   */
  record Request(String request, Instant occurrence) implements Fired {}

  /**
   * Reads what fired from the name of the Kubernetes Job.
   *
   * <p>The CronJob controller names a Job {@code <CronJob>-<minutes since 1970 UTC>} (Kubernetes,
   * pkg/controller/cronjob, getJobName); a Job of any other name was made by hand, such as with
   * {@code kubectl create job --from}.
   *
   * @param now instant of a request that is seen for the first time
   */
  static Fired byJob(String namespace, String cronJob, String job, Instant now) {
    Matcher slot = Pattern.compile(Pattern.quote(cronJob) + "-([0-9]{8})").matcher(job);
    return slot.matches()
        ? new Slot(Instant.ofEpochSecond(60 * Long.parseLong(slot.group(1))), cronJob)
        : new Request(namespace + "/" + job, now);
  }
}
