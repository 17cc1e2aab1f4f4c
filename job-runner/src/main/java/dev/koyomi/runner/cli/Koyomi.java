package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Fault;
import dev.koyomi.runner.dev.LocalPostgresException;
import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.MutuallyExclusiveArgsException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** All verbs, and what becomes of their exceptions. */
public final class Koyomi {
  private final Surroundings surroundings;

  Koyomi(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  /** The one of this process. */
  public static Koyomi real() {
    Map<String, String> environment = System.getenv();
    return new Koyomi(
        new Surroundings(
            Screen.real(environment),
            environment,
            folder(environment),
            ZoneId.systemDefault(),
            InstantSource.system(),
            Keyboard.real(),
            Duration.ofSeconds(10)));
  }

  /** Where the local database lives; the launcher names the project's. */
  public static Path folder(Map<String, String> environment) {
    return Path.of(environment.getOrDefault("KOYOMI_FOLDER", ".koyomi"));
  }

  /** Whether the command works jobs in front of a person's eyes. */
  public static boolean showsProgress(List<String> words) {
    return words.contains("dev") || (words.contains("failed") && words.contains("retry"));
  }

  @Command(
      name = "koyomi",
      mixinStandardHelpOptions = true,
      versionProvider = Version.class,
      synopsisSubcommandLabel = "VERB",
      description = "Business batch work on PostgreSQL: each target exactly once.",
      footer = {
        "",
        "In a working copy, ./koyomi render FILE prints the objects that the operator makes of a"
            + " manifest.",
        "",
        "Exit codes: 0 done or nothing to do; 2 wrong usage or definition; 3 skipped by policy;"
            + " 4 done, but jobs need attention; 75 try again later (database away, wrong"
            + " credentials, missing rights, schema behind); 1 anything else."
      })
  static final class Root implements Callable<Integer> {
    @Spec private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
      return verbMissing(spec);
    }
  }

  /** A command that only has others below it was called alone. */
  static int verbMissing(@Nullable CommandSpec spec) {
    CommandLine command = Objects.requireNonNull(spec).commandLine();
    command.usage(command.getErr());
    return ExitCode.WRONG;
  }

  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Koyomi.class.getPackage().getImplementationVersion();
      return new String[] {"koyomi " + Objects.requireNonNullElse(version, "(not packaged)")};
    }
  }

  /** Runs one command and returns its exit code. */
  public int run(String... words) {
    return commandLine().execute(words);
  }

  CommandLine commandLine() {
    Screen screen = surroundings.screen();
    CommandLine root =
        new CommandLine(new Root())
            .addSubcommand(DevVerb.commandLine(surroundings))
            .addSubcommand(new ValidateVerb(surroundings))
            .addSubcommand(new MigrateVerb(surroundings))
            .addSubcommand(new TriggerVerb(surroundings))
            .addSubcommand(new WorkVerb(surroundings))
            .addSubcommand(new WhyVerb(surroundings))
            .addSubcommand(new RunVerb(surroundings))
            .addSubcommand(new RefreshVerb(surroundings))
            .addSubcommand(new RedispatchVerb(surroundings))
            .addSubcommand(new RunsVerb(surroundings))
            .addSubcommand(new JobsVerb(surroundings))
            .addSubcommand(FailedVerb.commandLine(surroundings))
            .addSubcommand(QueueVerb.commandLine(surroundings))
            .addSubcommand(new CancelVerb(surroundings))
            .addSubcommand(new EnqueueVerb(surroundings));
    root.getSubcommands().values().forEach(Koyomi::addHelp);
    return root.setExpandAtFiles(false) // --payload @FILE is the verb's own
        .setOut(screen.out())
        .setErr(screen.err())
        .setColorScheme(CommandLine.Help.defaultColorScheme(screen.colour() ? Ansi.ON : Ansi.OFF))
        .setUsageHelpWidth(Math.clamp(screen.width(), 60, 110))
        .registerConverter(LocalDate.class, Koyomi::date)
        .registerConverter(Path.class, Koyomi::path)
        .registerConverter(Long.class, Koyomi::number)
        .registerConverter(long.class, Koyomi::number)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler((wrong, _) -> wrongUsage(wrong))
        .setExecutionExceptionHandler((thrown, _, _) -> failed(thrown));
  }

  /** Not by annotation, which would give each verb a version too. */
  private static void addHelp(CommandLine command) {
    command
        .getCommandSpec()
        .addOption(
            OptionSpec.builder("-h", "--help")
                .usageHelp(true)
                .description("Show this help.")
                .build());
    command.getSubcommands().values().forEach(Koyomi::addHelp);
  }

  private static int wrongUsage(ParameterException wrong) {
    CommandLine command = wrong.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("koyomi: " + line(words(wrong)));
    if (!UnmatchedArgumentException.printSuggestions(wrong, err)) {
      err.println("Try '%s --help'.".formatted(command.getCommandSpec().qualifiedName()));
    }
    return ExitCode.WRONG;
  }

  /**
   * What somebody typed is part of a sentence, and may hold what breaks a line or steers a
   * terminal.
   */
  private static String line(String sentence) {
    return sentence.replaceAll("\\p{Cntrl}+", " ");
  }

  private static LocalDate date(String text) {
    try {
      return LocalDate.parse(text);
    } catch (DateTimeParseException wrong) {
      throw new TypeConversionException(
          "'%s' is no date, which is written as 2026-11-01".formatted(text));
    }
  }

  private static Long number(String text) {
    try {
      return Long.valueOf(text);
    } catch (NumberFormatException wrong) {
      throw new TypeConversionException("'%s' is no number".formatted(text));
    }
  }

  private static Path path(String text) {
    try {
      return Path.of(text);
    } catch (InvalidPathException wrong) {
      throw new TypeConversionException("'%s' is no name of a file".formatted(text));
    }
  }

  private static String words(ParameterException wrong) {
    return wrong instanceof UnmatchedArgumentException unmatched
        ? "\"%s\" is not known here.".formatted(unmatched.getUnmatched().getFirst())
        : wrong instanceof MutuallyExclusiveArgsException
            ? String.valueOf(wrong.getMessage())
                .replaceFirst(
                    "^Error: (.*) are mutually exclusive.*$",
                    "$1 exclude each other: leave one of them out.")
            : String.valueOf(wrong.getMessage());
  }

  private int failed(Exception thrown) {
    PrintWriter err = surroundings.screen().err();
    if (thrown instanceof CommandProblem problem) {
      problem.sentences().forEach(sentence -> err.println("koyomi: " + line(sentence)));
      return problem.exitCode();
    }
    if (thrown instanceof LocalPostgresException local) {
      err.println("koyomi: " + local.getMessage());
      return ExitCode.OTHER;
    }
    Optional<Fault> fault = Fault.of(thrown);
    if (fault.isPresent()) {
      err.println("koyomi: " + line(fault.get().sentence()));
      return exitCode(fault.get());
    }
    err.println("koyomi: This is a bug; please report it with what follows.");
    thrown.printStackTrace(err);
    return ExitCode.OTHER;
  }

  private static int exitCode(Fault fault) {
    return switch (fault) {
      case Fault.TryAgain _ -> ExitCode.TRY_AGAIN;
      case Fault.Definition _ -> ExitCode.WRONG;
      case Fault.Other _ -> ExitCode.OTHER;
    };
  }
}
