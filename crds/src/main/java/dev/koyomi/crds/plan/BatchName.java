package dev.koyomi.crds.plan;

/** Which batch: the namespace and the name of its BatchSchedule. */
public record BatchName(String namespace, String name) {
  public BatchName {
    if (namespace.isEmpty() || name.isEmpty() || namespace.contains("/") || name.contains("/")) {
      throw new IllegalArgumentException(
          "A batch is called namespace/name, not \"" + namespace + "/" + name + "\".");
    }
  }

  /** Reads {@code namespace/name}. */
  public static BatchName parse(String text) {
    int slash = text.indexOf('/');
    if (slash < 0) {
      throw new IllegalArgumentException("A batch is called namespace/name, not \"" + text + "\".");
    }
    return new BatchName(text.substring(0, slash), text.substring(slash + 1));
  }

  @Override
  public String toString() {
    return namespace + "/" + name;
  }
}
