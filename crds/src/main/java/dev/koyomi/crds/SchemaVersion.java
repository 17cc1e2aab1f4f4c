package dev.koyomi.crds;

/**
 * Version of the queue's database schema that this release works with: the number of its newest
 * migration.
 */
public final class SchemaVersion {
  public static final int CURRENT = 2;

  private SchemaVersion() {}
}
