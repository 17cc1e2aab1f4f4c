package dev.koyomi.runner.cli;

import dev.koyomi.runner.queue.Reselection;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "refresh",
    description = {
      "Cancels what waits of a run and selects again, with the data and definition of now.",
      "",
      "Targets that the run has done, or that a worker has in hand, are left out."
    })
final class RefreshVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Mixin private SelectAgain selecting = new SelectAgain();

  RefreshVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws Exception {
    return selecting.call(surroundings, Reselection.Refresh, "refresh");
  }
}
