package dev.koyomi.runner.cli;

import dev.koyomi.runner.queue.Reselection;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "redispatch",
    description = {
      "Has a run select again and takes what it lacks.",
      "",
      "Targets that it has done, or that are still in the queue, are left out; those that failed or"
          + " were cancelled are taken."
    })
final class RedispatchVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Mixin private SelectAgain selecting = new SelectAgain();

  RedispatchVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws Exception {
    return selecting.call(surroundings, Reselection.Rest, "redispatch");
  }
}
