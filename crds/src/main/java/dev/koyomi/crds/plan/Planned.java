package dev.koyomi.crds.plan;

import java.util.List;

/** What became of a manifest. */
public sealed interface Planned {
  /** It can be worked by. */
  record Valid(Plan plan, Definition definition) implements Planned {}

  /** It cannot, for all of these reasons. */
  record Invalid(List<Problem> problems) implements Planned {
    public Invalid {
      problems = List.copyOf(problems);
    }
  }
}
