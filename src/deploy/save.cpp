#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "deploy/spt.h"
#include "tensor/error.h"

namespace sparlet::deploy {
namespace {

namespace fs = std::filesystem;

class File {
 public:
  // path_ first: making it may change errno.
  File(const fs::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags, 0644)) {
    check(fd_ >= 0, "open");
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void check(bool ok, const char* what) const {
    const int trouble = errno;  // what follows may change it
    require(ok, "{}: cannot {}: {}", path_.string(), what, std::strerror(trouble));
  }
  void write(std::span<const uint8_t> bytes) const {
    while (!bytes.empty()) {
      const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
      if (wrote < 0 && errno == EINTR) continue;
      check(wrote > 0, "write");
      bytes = bytes.subspan(size_t(wrote));
    }
  }
  std::vector<uint8_t> read_all() const {
    std::vector<uint8_t> bytes;
    uint8_t block[65536];
    for (;;) {
      const ssize_t got = ::read(fd_, block, sizeof block);
      if (got < 0 && errno == EINTR) continue;
      check(got >= 0, "read");
      if (got == 0) return bytes;
      bytes.insert(bytes.end(), block, block + got);
    }
  }
  void flush() const { check(::fsync(fd_) == 0, "flush"); }
  void close() {
    const int fd = std::exchange(fd_, -1);
    check(::close(fd) == 0, "close");
  }

 private:
  const fs::path path_;
  int fd_;
};

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

void check_target(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status there = fs::status(path, ignored);
  require(!path.filename().empty() && !fs::is_directory(there),
          "{}: is a folder, wanted the name of a file", path.string());
  require(!fs::exists(there) || fs::is_regular_file(there),
          "{}: is no regular file, so no model is written over it", path.string());
  const fs::path folder = folder_of(path);
  require(fs::is_directory(folder, ignored), "{}: there is no folder {}", path.string(),
          folder.string());
  require(::access(folder.c_str(), W_OK | X_OK) == 0, "{}: cannot be written in the folder {}: {}",
          path.string(), folder.string(), std::strerror(errno));
}

void save(const Net& net, const fs::path& path) {
  check_target(path);
  const std::vector<uint8_t> bytes = serialize(net);
  fs::path beside = path;
  beside += fmt::format(".{}.tmp", ::getpid());
  try {
    File file(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    file.write(bytes);
    file.flush();
    file.close();
    const int trouble = std::rename(beside.c_str(), path.c_str()) == 0 ? 0 : errno;
    require(trouble == 0, "{}: cannot rename {} to it: {}", path.string(), beside.string(),
            std::strerror(trouble));
  } catch (const Error&) {
    ::unlink(beside.c_str());
    throw;
  }
  File(folder_of(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC).flush();
}

Net load(const fs::path& path) {
  const std::vector<uint8_t> bytes = File(path, O_RDONLY | O_CLOEXEC).read_all();
  return parse(bytes, path.string());
}

}  // namespace sparlet::deploy
