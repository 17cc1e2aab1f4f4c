package dev.koyomi.crds.plan;

import dev.koyomi.crds.BatchScheduleSpec;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The list of what is wrong, in the order in which it is found; nothing is said twice. */
final class Problems {
  private static final RecordComponent[] SPEC = BatchScheduleSpec.class.getRecordComponents();

  private final List<Problem> found = new ArrayList<>();

  void add(String field, String message) {
    Problem problem = new Problem(Sentences.path(field), Sentences.line(message));
    if (!found.contains(problem)) {
      found.add(problem);
    }
  }

  /** Whether the field itself is wrong already. */
  boolean at(String field) {
    return found.stream().anyMatch(problem -> problem.field().equals(field));
  }

  /** Whether something within the field is wrong already. */
  boolean within(String field) {
    return found.stream().anyMatch(problem -> problem.field().startsWith(field + "."));
  }

  boolean none() {
    return found.isEmpty();
  }

  /** All of them, in the order of the fields of a spec. */
  List<Problem> all() {
    return found.stream().sorted(Comparator.comparingInt(Problems::place)).toList();
  }

  private static int place(Problem problem) {
    for (int i = 0; i < SPEC.length; i++) {
      if (problem.field().matches("spec\\." + SPEC[i].getName() + "\\b.*")) {
        return i;
      }
    }
    return problem.field().startsWith("spec") ? SPEC.length : -1;
  }
}
