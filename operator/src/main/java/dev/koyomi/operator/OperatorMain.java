package dev.koyomi.operator;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/** Entry point: {@code run} (also without a verb) and {@code render FILE…}. */
@Command(
    name = "koyomi-operator",
    description = "Carries out the BatchSchedules of a Kubernetes cluster.",
    mixinStandardHelpOptions = true,
    versionProvider = OperatorMain.Version.class,
    subcommands = {RunCommand.class, RenderCommand.class})
public final class OperatorMain implements Callable<Integer> {
  private OperatorMain() {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new OperatorMain()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    return new RunCommand().call();
  }

  /** Of this release; "dev" when it does not run from its jar. */
  static String version() {
    String version = OperatorMain.class.getPackage().getImplementationVersion();
    return version == null ? "dev" : version;
  }

  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"koyomi-operator " + version()};
    }
  }
}
