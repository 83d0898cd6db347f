/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path of a process's executable as its mount namespace sees it: dentries walked up to that namespace's root, across
 * mounts, written from the end of a buffer to its front. Not only up to the process's own root: one that made itself another
 * (chroot) would name its programs as it likes. */
#ifndef PG_BPF_EXE_PATH_BPF_H
#define PG_BPF_EXE_PATH_BPF_H

#include "sensor/bpf/task.bpf.h"

#define PATH_PARTS_MAX 48
#define PATH_MOUNTS_MAX 8
#define NAME_MAX_LEN 255
#define TMPFS_MAGIC 0x01021994

/* Room for the event in front of the longest path, for the path, which ends at the end of text, for what follows it, and
 * for what the verifier, which does not see that offset and length add up to the end, believes could lie behind it. */
struct exe_scratch {
	u8 room[sizeof(struct pg_event)];
	char text[PG_TEXT_MAX];
	char more[PG_SCRIPT_MAX + PG_CWD_MAX + PG_ARGS_MAX];
	char slack[PG_TEXT_MAX];
};

struct path_walk {
	struct dentry *dentry;
	struct mount *mnt;
	struct vfsmount *vfsmnt;
	char *text; /* of a struct exe_scratch */
	u32 at;     /* offset into text of its first byte so far */
	bool cut;   /* there is more */
};

/* One part of a path, from its end: 0 go on, 1 done. (BPF_CORE_READ() wants plain variables, not members of ours.) */
static long path_step(u32 i, void *walk)
{
	struct path_walk *w = walk;
	struct dentry *dentry = w->dentry, *parent;
	struct vfsmount *vfsmnt = w->vfsmnt;
	struct mount *mnt = w->mnt;
	char *text = w->text;
	u32 len, at;

	w->cut = true;
	for (int k = 0; k < PATH_MOUNTS_MAX; k++) { /* from a mount's root to where it is mounted */
		struct mount *up;

		if (dentry != BPF_CORE_READ(vfsmnt, mnt_root))
			break;
		up = BPF_CORE_READ(mnt, mnt_parent);
		if (up == mnt) {
			w->cut = false;
			return 1;
		}
		dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
		mnt = up;
		vfsmnt = (void *)up + bpf_core_field_offset(struct mount, mnt);
	}
	w->mnt = mnt;
	w->vfsmnt = vfsmnt;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (parent == dentry) {
		w->cut = false;
		return 1;
	}
	len = BPF_CORE_READ(dentry, d_name.len);
	if (len > NAME_MAX_LEN || len + 1 > w->at)
		return 1;
	at = w->at - len - 1;
	if (at >= PG_TEXT_MAX)
		return 1;
	text[at] = '/';
	bpf_probe_read_kernel(&text[at] + 1, len & NAME_MAX_LEN, BPF_CORE_READ(dentry, d_name.name));
	w->at = at;
	w->dentry = parent;
	return 0;
}

static __always_inline u32 text_len(const struct path_walk *w)
{
	u32 at = w->at;

	barrier_var(at); /* the verifier is to see the bounds of this very register */
	return at > PG_TEXT_MAX ? 0 : PG_TEXT_MAX - at;
}

/* Writes the path that begins at dentry and vfsmnt in front of w->at; returns its length. (By bpf_loop(): to follow the steps one by one is too much for
 * the verifier.) */
static __always_inline u32 path_write(struct path_walk *w, struct dentry *dentry, struct vfsmount *vfsmnt, char *text)
{
	w->dentry = dentry;
	w->vfsmnt = vfsmnt;
	w->mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
	w->text = text;
	bpf_loop(PATH_PARTS_MAX, path_step, w, 0);
	return text_len(w);
}

/* Its root directory is another than its mount namespace's. */
static __always_inline bool has_own_root(struct task_struct *t)
{
	struct dentry *dentry = BPF_CORE_READ(t, fs, root.dentry);
	struct vfsmount *vfsmnt = BPF_CORE_READ(t, fs, root.mnt);
	struct mount *mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);

	for (int i = 0; i < PATH_MOUNTS_MAX; i++) {
		struct mount *up = BPF_CORE_READ(mnt, mnt_parent);

		if (dentry != BPF_CORE_READ(mnt, mnt.mnt_root))
			return true;
		if (up == mnt)
			return false;
		dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
		mnt = up;
	}
	return true;
}

static __always_inline bool file_is_memfd(struct dentry *d, struct super_block *sb)
{
	char name[8] = {};

	if (BPF_CORE_READ(sb, s_magic) != TMPFS_MAGIC || BPF_CORE_READ(d, d_parent) != d)
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(d, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':';
}

static __always_inline u32 memfd_name(struct dentry *d, struct path_walk *w, struct exe_scratch *s)
{
	u32 len = BPF_CORE_READ(d, d_name.len);

	if (len > NAME_MAX_LEN)
		len = NAME_MAX_LEN;
	w->at = PG_TEXT_MAX - len;
	bpf_probe_read_kernel(&s->text[w->at & (PG_TEXT_MAX - 1)], len & NAME_MAX_LEN, BPF_CORE_READ(d, d_name.name));
	return text_len(w);
}

/* Writes the text to the end of s->text and the executable's marks into e. Returns the text's length. */
static __always_inline u32 exe_describe(struct task_struct *t, struct pg_event *e, struct exe_scratch *s)
{
	struct file *exe = BPF_CORE_READ(t, mm, exe_file);
	struct path_walk w = { .at = PG_TEXT_MAX };
	struct dentry *dentry;
	struct inode *inode;
	u32 len;

	if (!exe)
		return 0;
	inode = BPF_CORE_READ(exe, f_inode);
	e->exe_ino = BPF_CORE_READ(inode, i_ino);
	e->exe_dev = BPF_CORE_READ(inode, i_sb, s_dev);
	dentry = BPF_CORE_READ(exe, f_path.dentry);
	if (file_is_memfd(dentry, BPF_CORE_READ(inode, i_sb))) {
		e->flags |= PG_EVF_MEMFD;
		len = memfd_name(dentry, &w, s);
	} else {
		if (!BPF_CORE_READ(inode, i_nlink))
			e->flags |= PG_EVF_DELETED;
		len = path_write(&w, dentry, BPF_CORE_READ(exe, f_path.mnt), s->text);
	}
	if (w.cut)
		e->flags |= PG_EVF_TEXT_CUT;
	if (task_is_ns_init(t))
		e->flags |= PG_EVF_NS_INIT;
	if (has_own_root(t))
		e->flags |= PG_EVF_OWN_ROOT;
	e->path_len = len;
	return len;
}

#endif
