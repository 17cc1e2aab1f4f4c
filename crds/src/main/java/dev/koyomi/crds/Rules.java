package dev.koyomi.crds;

/**
 * The sentences of the rules that the schema's types cannot express. The API server says them, from
 * the CEL rules on the records, and so does the planner.
 */
public final class Rules {
  public static final String CRONJOB_NAME =
      "The CronJob is called <metadata.name>-<entry>, at most 52 characters: shorten metadata.name"
          + " or the entry's name.";
  public static final String NAME_LENGTH =
      "metadata.name may have at most 52 characters: shorten it.";
  public static final String ENTRY_NAME =
      "An entry's name has lower-case letters, digits and -, and begins and ends with a letter or"
          + " digit.";
  public static final String SECRET_NAME =
      "A Secret's name has lower-case letters, digits, - and ., and begins and ends with a letter"
          + " or digit.";
  public static final String IMAGE =
      "An image has no blanks: write one such as registry.example/billing:1.4.";
  public static final String NO_STATEMENT = "There is no statement: write the SQL.";
  public static final String DURATION =
      "A duration has h, m, s and ms, in this order, such as 30s or 1h30m.";
  public static final String ZERO = "Zero is too short: write a duration such as 30s.";
  public static final String STOP_WITHIN =
      "stopWithin must be at least unit.timeout, so that a stopping pod can finish what it runs:"
          + " raise workers.stopWithin or lower unit.timeout.";
  public static final String SCHEDULES_WITHOUT_TRIGGER =
      "Schedules fire a trigger, and there is none: write spec.trigger, or take schedules out.";
  public static final String LANES =
      "lanes belongs to mode FifoByKey: write this mode, or take lanes out.";
  public static final String ON_DEAD =
      "onDead belongs to the modes Fifo and FifoByKey: write one of them, or take onDead out.";
  public static final String PRIORITY =
      "Fifo and FifoByKey keep the order of the trigger: take priority out, or write order.mode"
          + " Unordered.";
  public static final String BACKOFF =
      "initial (30s when silent) must not be longer than max (1h when silent): lower initial or"
          + " raise max.";
  public static final String DELAYS =
      "delays takes the place of initial, factor and max: write either delays or these.";
  public static final String ERROR_NAME =
      "An error is an SQLSTATE such as 23505, the two characters of a class of them such as 23, or"
          + " a name such as Timeout.";
  public static final String RATE =
      "A rate is a number of jobs per second, minute or hour, such as 10/s, 600/m or 1000/h.";
  public static final String MAX_PAYLOAD =
      "maxPayload is from 1 byte to 1Mi: write a quantity such as 256Ki.";
  public static final String COMMIT_JOBS =
      "jobs belongs to mode Many: write this mode, or take jobs out.";
  public static final String MAX_TIME =
      "maxTime is at least 10m, as a pod that ends sooner is restarted with growing waits: raise"
          + " it.";
  public static final String SOFT_MEMORY =
      "softMemory is from 1Mi to 1Ti: write a quantity such as 400Mi.";
  public static final String ENV_NAME =
      "A variable's name has letters, digits and _, and does not begin with a digit.";
  public static final String ENV_OWN =
      "Names that begin with KOYOMI_ are the runner's own: choose another.";
  public static final String ENV_VALUE =
      "A variable has either value or valueFrom: write one of the two.";
  public static final String ENV_SOURCE =
      "A value comes from a Secret or from a ConfigMap: write either secretKeyRef or"
          + " configMapKeyRef.";
  public static final String QUANTITY =
      "A quantity is a number that is not negative, with or without a unit, such as 250m or 512Mi.";
  public static final String REQUESTS =
      "A request must not be larger than its limit: lower it or raise the limit.";

  /** Pattern of an entry's name. */
  public static final String ENTRY_NAME_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

  /** Pattern of a Secret's name. */
  public static final String SECRET_NAME_PATTERN = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";

  /** Pattern of what an entry of {@code retry.on} names. */
  public static final String ERROR_NAME_PATTERN = "^([0-9A-Z]{2}|[0-9A-Z]{5}|[A-Z][A-Za-z]{2,59})$";

  /** Pattern of a rate: jobs per second, minute or hour. */
  public static final String RATE_PATTERN = "^[1-9][0-9]{0,6}/[smh]$";

  /** Pattern of an image, which Kubernetes reads itself. */
  public static final String IMAGE_PATTERN = "^[^ \\t\\r\\n]+$";

  /** Pattern of an environment variable's name. */
  public static final String ENV_NAME_PATTERN = "^[A-Za-z_][A-Za-z0-9_]*$";

  /** What the names of the runner's own environment variables begin with. */
  public static final String ENV_OWN_PREFIX = "KOYOMI_";

  /** The one of them that a manifest may set: how much triggers and workers say. */
  public static final String ENV_LOG_LEVEL = "KOYOMI_LOG_LEVEL";

  /** Longest name of a CronJob: its Jobs' names have eleven characters more. */
  public static final int CRONJOB_NAME_LENGTH = 52;

  private Rules() {}
}
