package dev.koyomi.operator.database;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.crds.plan.Definition;
import dev.koyomi.crds.plan.Plan;

/**
 * What the queue must know of a batch before anything fires it: entries that are new or changed
 * count from then on, and all of them when the batch is resumed.
 *
 * @param incarnation tells this object from an earlier one of the same name
 */
public record Registration(
    BatchName batch, String incarnation, long generation, boolean suspended, String definition) {

  /** The same of a batch that is suspended. */
  public Registration paused() {
    return new Registration(batch, incarnation, generation, true, definition);
  }

  /** The registration of a plan. */
  public static Registration of(Plan plan, Definition definition, String uid) {
    return new Registration(
        plan.batch(), uid, plan.generation(), plan.suspend(), definition.json());
  }
}
