package dev.koyomi.operator.database;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.crds.plan.Definition;
import dev.koyomi.crds.plan.Plan;

/**
 * What the queue must know of a batch before anything fires it: entries that are new or changed
 * count from then on.
 *
 * @param incarnation tells this object, in this state, from an earlier one of the same name
 */
public record Registration(
    BatchName batch, String incarnation, long generation, String definition) {

  /** The registration of a plan. */
  public static Registration of(Plan plan, Definition definition, String uid) {
    // A batch that is resumed counts as new, so that the slot which CronJob fires at once, because
    // it was missed meanwhile, is skipped.
    String incarnation = plan.suspend() ? uid + " suspended" : uid;
    return new Registration(plan.batch(), incarnation, plan.generation(), definition.json());
  }
}
