package dev.koyomi.runner.cli;

import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "queue",
    synopsisSubcommandLabel = "(show | pause | resume | clear)",
    description = "What waits of a batch: shown, paused, resumed, thrown away.")
final class QueueVerb implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  private QueueVerb() {}

  @Override
  public Integer call() {
    return Koyomi.verbMissing(spec);
  }

  static CommandLine commandLine(Surroundings surroundings) {
    return new CommandLine(new QueueVerb())
        .addSubcommand(new QueueShowVerb(surroundings))
        .addSubcommand(new QueuePauseVerb(surroundings))
        .addSubcommand(new QueueResumeVerb(surroundings))
        .addSubcommand(new QueueClearVerb(surroundings));
  }
}
