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
  public static final String BACKOFF =
      "initial must not be longer than max: lower initial or raise max.";
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
