// UCI-HAR: smartphone motion as text, one file a channel.
//
//   FOLDER/train/Inertial Signals/body_acc_x_train.txt   one window a line: 128 numbers
//   FOLDER/train/y_train.txt                             one label a line: 1 to 6
//   FOLDER/train/subject_train.txt                       one number a line; may be absent
//
// and the same with `test`. Channels: body_acc, body_gyro, total_acc, each x, y, z. Every Error
// about a line begins "PATH:LINE: found".
#pragma once
#include <filesystem>

#include "data/dataset.h"

namespace sparlet {

inline constexpr int kHarChannels = 9, kHarSteps = 128, kHarClasses = 6;

// part: "train" or "test". x [N,128,9] f32 (steps, channels), y 0 .. 5, group: the subject where
// the file is there. Throws Error for a missing or empty file, a ragged or overlong line, a word
// that is no finite number, files of unequal length, and a class without a sample in `train`.
Dataset read_har(const std::filesystem::path& folder, const std::string& part);

}  // namespace sparlet
